"""``compress parity``: do the builds compute what the trained fake-quant network computes?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from compress.errors import EXIT_GATE_FAILED, EXIT_INCOMPLETE, EXIT_PASS, BuildError, ToolchainError, UserError

if TYPE_CHECKING:
    from compress.parity.find import Found
    from compress.parity.frames import Frames
    from compress.parity.records import ParityReport, ParityRow
    from compress.stage import Progress

_THREADS = 2


def parity(
    words: tuple[str, ...], store_root: Path, root: Path | None, reference: Path | None, golden: bool,
    images: int | None, layers: bool, json_file: Path | None,
) -> int:  # fmt: skip
    """Compare, print a table for each folder of builds, and name the first layer of a build that diverges.

    Gives 0, 1 (a build is outside the limits) or 3 (one could not be run or judged). Raises UserError.
    """
    from compress.console import make_console
    from compress.parity.compare import compare
    from compress.parity.find import find
    from compress.parity.records import ParityFile
    from compress.runtimes.base import RunOptions
    from compress.store.store import Store

    reports = []
    found = find(words, Store(store_root), reference)
    console = make_console()
    for number, each in enumerate(found, start=1):
        frames = _frames(each, root, golden, images)
        with console:
            progress = console.started("parity", number, len(found))
            report = compare(each.subject, frames, RunOptions(threads=_THREADS), progress)
            report = _explained(each, report, frames, layers, progress)
        reports.append(report)
        _print(report, layers)
    if json_file is not None:
        ParityFile(reports=tuple(reports)).write(json_file)
    return exit_code(tuple(row for report in reports for row in report.rows))


def exit_code(rows: tuple[ParityRow, ...]) -> int:
    """1 where a row fails, else 3 where one is incomplete, else 0."""
    results = {row.result for row in rows}
    return EXIT_GATE_FAILED if "fail" in results else EXIT_INCOMPLETE if "incomplete" in results else EXIT_PASS


def _frames(found: Found, root: Path | None, golden: bool, images: int | None) -> Frames:
    from compress.parity.frames import data_frames, golden_frames

    if golden:
        if found.bundle is None:
            raise UserError(f"{found.subject.title}: golden frames lie in bundles only; leave out --golden")
        return golden_frames(found.bundle, images)
    spec = found.data
    if spec.kind in ("paired", "boxes"):
        if root is None:
            what = "pairs" if spec.kind == "paired" else "pictures with boxes"
            where = f"a folder of {what}, which is not recorded"
            raise UserError(f"these builds were trained on {where}; add --root FOLDER")
        spec = spec.model_copy(update={"root": str(root)})
    frames = data_frames(spec, "test", images)
    if frames.digest != found.recorded_digest:
        click.echo("note: these are not the very pictures that the network was trained with", err=True)
    return frames


def _explained(found: Found, report: ParityReport, frames: Frames, layers: bool, progress: Progress) -> ParityReport:
    """The report with the layers of builds that fail, of all that run where ``layers`` is set."""
    from compress.parity.explain import explain, worst_frame

    builds = {build.name: build for build in found.subject.builds}
    rows = []
    for row in report.rows:
        asked = row.result == "fail" or (layers and bool(row.to_reference_db))
        if row.name not in builds or not asked:
            rows.append(row)
            continue
        progress.update(len(rows), len(report.rows), f"layers of {row.name}")
        try:
            divergence = explain(found.subject, builds[row.name], frames.frame(worst_frame(row)))
            rows.append(row.model_copy(update={"divergence": divergence}))
        except (BuildError, ToolchainError) as error:
            rows.append(row.model_copy(update={"not_compared": str(error)}))
    return report.model_copy(update={"rows": tuple(rows)})


def _print(report: ParityReport, layers: bool) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from compress.console import table_console
    from compress.report.parity import HEADINGS, footnotes, remarks, row_cells
    from compress.report.table import COLOURS

    console = table_console()
    table = Table(title=Text(report.builds), title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="left" if place < 2 else "right", no_wrap=True)
    for row in report.rows:
        table.add_row(*row_cells(row), Text(row.result or "", style=COLOURS.get(row.result or "", "")))
    console.print(table)
    for line in (*footnotes(report), *(text for row in report.rows for text in remarks(row, layers))):
        console.print(Text(line), soft_wrap=True)
