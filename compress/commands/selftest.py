"""``compress selftest``: do the builds of a bundle answer here, or on a board, as they did where it was made?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from compress.errors import EXIT_GATE_FAILED, EXIT_INCOMPLETE, EXIT_PASS, UserError

if TYPE_CHECKING:
    from compress.runtimes.site import Site


def selftest(folder: Path, builds: tuple[str, ...], site: Site) -> int:
    """Run the golden frames and say a line for each; 1 where one differs, 3 where a build was not run."""
    from compress.bundle.selftest import selftest as try_builds
    from compress.console import make_console

    if site.absent is not None:
        raise UserError(f"--target: {site.absent}; --on names one, too")
    console = make_console()
    with console:
        outcome = try_builds(folder, builds, site, console.started("selftest", 1, 1).update)
    for each in outcome.tried:
        click.echo(f"{'pass' if each.problem is None else 'DIFFERS'}: {each.build}, frame {each.frame}: {each.far}")
        if each.problem is not None:
            click.echo(f"error: {each.build}, frame {each.frame}: {each.problem}", err=True)
    for name, reason in outcome.not_run.items():
        click.echo(f"not run: {name}: {reason}")
    if any(each.problem is not None for each in outcome.tried):
        return EXIT_GATE_FAILED
    return EXIT_INCOMPLETE if outcome.not_run or not outcome.tried else EXIT_PASS
