"""The words and options of the commands that hand bundles on: ``diff``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(path_type=Path), help="Public key of who signed both; without it nothing is.")
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write the changes here.")
@click.option("--markdown", "markdown_file", type=click.Path(path_type=Path, dir_okay=False), help="Write a summary.")
def diff(old: Path, new: Path, key: Path | None, json_file: Path | None, markdown_file: Path | None) -> int:
    """Compare the bundle OLD with NEW: what breaks firmware first, then quality, speed, size, provenance, status.

    Ends with the version that NEW makes of OLD's: major where the contract breaks, minor for other builds under the
    same contract, patch where nothing that runs differs. Without --key the signatures are not verified, and it says so.

    Exit code: 0 compared, whatever differs; 2 a bundle can't be read or does not hold.
    """
    from compress.commands.diff import diff as compare

    return compare(old, new, key, json_file, markdown_file)


HANDING_OFF = (diff,)
"""What ``compress`` has of them."""
