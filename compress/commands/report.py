"""``compress report``: one HTML file of a bundle, or of two side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from compress.errors import EXIT_PASS, UserError

if TYPE_CHECKING:
    from compress.parity.records import ParityFile
    from compress.regression.compare import Bundle
    from compress.regression.records import RegressionReport
    from compress.report.html.comparison import Compared
    from compress.report.subject import Subject
    from compress.store.store import Store


def write_report(
    word: str | None, against: str | None, parity: Path | None, store_root: Path, output: Path
) -> int:  # fmt: skip
    """Write the page of a bundle, of a run's bundle, or of the newest one. Raises UserError."""
    from compress.report.earlier import earlier_runs
    from compress.report.html.comparison import comparison_page
    from compress.report.html.page import Beside, report_page
    from compress.store.store import Store

    store = Store(store_root)
    folder = _bundle_folder(word, store)
    subject = read_bundle_subject(folder, store)
    if against is None:
        text = report_page(subject, Beside(earlier_runs(store, subject), _read_parity(parity)))
    else:
        before = _bundle_folder(against, store)
        mine, theirs = _compared(subject, folder), _compared(read_bundle_subject(before, store), before)
        text = comparison_page(mine, theirs)
    write_page(text, output)
    click.echo(f"{output}: {subject.title}, {len(text.encode()) / 2**20:.1f} MiB")
    return EXIT_PASS


def compared_page(candidate: Bundle, baseline: Bundle, store: Store, gate: RegressionReport) -> str:
    """The page of ``compress gate``. Raises UserError."""
    from compress.report.html.comparison import comparison_page

    return comparison_page(_side(candidate, store), _side(baseline, store), gate)


def _side(bundle: Bundle, store: Store) -> Compared:
    """As much as there is: of a baseline whose bundle is gone, what the file that accepted it holds."""
    from compress.records import BuildList
    from compress.report.html.comparison import Compared
    from compress.report.rows import Results
    from compress.report.subject import Subject, device_runtime, no_speed

    if bundle.folder.is_dir():
        return _compared(read_bundle_subject(bundle.folder, store), bundle.folder)
    nothing = BuildList(builds=())
    results = Results(nothing, bundle.quality, no_speed(), device_runtime(bundle.quality, nothing))
    return Compared(Subject(bundle.folder.name, results, bundle.verdict), bundle.absent or bundle.folder.name)


def read_bundle_subject(folder: Path, store: Store) -> Subject:
    """The bundle in ``folder``, with what the store still has of its builds. Raises UserError."""
    from compress.report.earlier import exported_builds
    from compress.report.subject import read_subject
    from compress.store.builds import Place, listed_in

    return read_subject(folder, listed_in(Place(folder, bundle=True)), lambda key: exported_builds(store, key))


def write_page(text: str, output: Path) -> None:
    """Write a page. Raises UserError where that can't be, or must not be: a file more breaks a bundle's seal."""
    sealed = [parent for parent in output.resolve().parents if (parent / "manifest.sig").is_file()]
    if sealed:
        raise UserError(
            f"{output}: lies in the signed bundle {sealed[0]}, which takes no other file; write it elsewhere"
        )
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"{output}: can't be written ({error.strerror})") from None


def _compared(subject: Subject, folder: Path) -> Compared:
    from compress.report.html.comparison import Compared, place_name

    return Compared(subject, place_name(folder))


def _bundle_folder(word: str | None, store: Store) -> Path:
    from compress.commands.gate import bundle_place
    from compress.store.builds import bundle_of_run

    made = bundle_of_run(word, store) if word else None
    return made.folder if made else bundle_place(word, store)[0]


def _read_parity(path: Path | None) -> ParityFile | None:
    from pydantic import ValidationError

    from compress.parity.records import ParityFile

    if path is None:
        return None
    try:
        return ParityFile.read(path)
    except (OSError, ValidationError):
        raise UserError(f"{path}: not a file of compress parity --json; make it with that") from None
