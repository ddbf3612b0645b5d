"""``compress gate``: is this bundle worse than the one that was accepted before?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compress.errors import EXIT_GATE_FAILED, EXIT_INCOMPLETE, EXIT_PASS, UserError

if TYPE_CHECKING:
    from compress.records import Build
    from compress.regression.compare import Bundle, Where
    from compress.regression.records import Allowance, RegressionReport
    from compress.store.store import Store

_EXIT = {"pass": EXIT_PASS, "fail": EXIT_GATE_FAILED, "incomplete": EXIT_INCOMPLETE}
_HEADINGS = ("what", "limit", "difference", "interval (99 % or as said)", "result", "note")


@dataclass(frozen=True)
class Outputs:
    """Files to write the report into, those that are asked for."""

    json: Path | None = None
    junit: Path | None = None
    markdown: Path | None = None
    html: Path | None = None
    gitlab: Path | None = None
    github: bool = False

    def write(self, report: RegressionReport, candidate: Bundle, baseline: Bundle, store: Store, named: str) -> None:
        """``named``: the baseline's file or folder, that annotations point at."""
        from compress.regression import annotations
        from compress.regression.ci import junit, markdown
        from compress.regression.pictures import worst_lines

        if self.json is not None:
            report.write(self.json)
        if self.junit is not None:
            self.junit.write_text(junit(report), encoding="utf-8")
        if self.markdown is not None:
            worst = worst_lines(candidate.folder, candidate.quality, baseline.quality, self.markdown)
            self.markdown.write_text(markdown(report) + worst, encoding="utf-8")
        if self.html is not None:
            from compress.commands.report import compared_page, write_page

            write_page(compared_page(candidate, baseline, store, report), self.html)
        if self.gitlab is not None:
            self.gitlab.write_text(annotations.gitlab(report, named), encoding="utf-8")
        if self.github:
            click.echo(annotations.github(report, named), nl=False)


def gate(
    candidate: str | None, baseline: str, store_root: Path, allowed: Allowance, where: Where, outputs: Outputs
) -> int:
    """Compare two bundles, print every difference, and give 0, 1 (a regression) or 3. Raises UserError.

    Without a candidate it is the bundle of the last run.
    """
    from compress.console import make_console
    from compress.regression.compare import compare
    from compress.store.store import Store

    store = Store(store_root)
    bundles = _bundle(candidate, store), _baseline(baseline, store)
    console = make_console()
    with console:
        progress = console.started("gate", 1, 1)
        report = compare(*bundles, allowed, where, progress.update)
    _print(report)
    outputs.write(report, *bundles, store, baseline)
    return _EXIT[report.result]


def _baseline(word: str, store: Store) -> Bundle:
    """A bundle, or the file that says which one was accepted."""
    from compress.regression.baseline import as_bundle, bundle_folder, read_accepted

    file = Path(word)
    if file.suffix != ".json":
        return _bundle(word, store)
    accepted = read_accepted(file)
    folder = bundle_folder(accepted, file)
    return as_bundle(accepted, file, bundle_place(str(folder), store) if folder else None)


def _bundle(word: str | None, store: Store) -> Bundle:
    from compress.regression.compare import read_bundle

    return read_bundle(*bundle_place(word, store))


def bundle_place(word: str | None, store: Store) -> tuple[Path, tuple[Build, ...]]:
    """The folder of the bundle that ``word`` names, or of the newest one, and its builds. Raises UserError."""
    from compress.store.builds import find_places, listed_in, newest_bundle, wanted_builds

    (place,) = find_places((word,), store) if word else (newest_bundle(store),)
    if not place.bundle:
        raise UserError(f"{word}: not a bundle; what a gate compares lies in a bundle's report/")
    return place.folder, wanted_builds(place, listed_in(place))


def _print(report: RegressionReport) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from compress.console import table_console
    from compress.regression.ci import figures, timed_on
    from compress.report.table import COLOURS

    console = table_console(180)
    title = Text.assemble("Gate: ", (report.result, COLOURS[report.result]))
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(_HEADINGS):
        table.add_column(heading, justify="right" if 0 < place < 4 else "left", no_wrap=place < 5)
    for each in report.differences:
        table.add_row(each.name, *figures(each), Text(each.result, style=COLOURS[each.result]), Text(each.note))
    console.print(table)
    console.print(Text(f"{report.candidate} against {report.baseline}"), soft_wrap=True)
    for line in timed_on(report):
        console.print(Text(line), soft_wrap=True)
