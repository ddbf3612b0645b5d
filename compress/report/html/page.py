"""The page of one bundle."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from compress.bundle.provenance import Provenance
from compress.degradation.plot import kernel_svg
from compress.parity.records import ParityFile
from compress.report.backlight import BACKLIT_HEADINGS, TITLE, backlit_notes, backlit_rows
from compress.report.builds import absent_line, build_lines
from compress.report.html.document import document
from compress.report.html.latency import HEIGHT, WIDTH, Strip, strips
from compress.report.html.pareto import Plot, plots
from compress.report.html.pictures import Board, ImageTable, backlit_boards, boards, given_boards, image_table
from compress.report.markdown import CHECK_HEADINGS, check_cells
from compress.report.metrics import metric_headings, metric_notes, metric_rows
from compress.report.parity import HEADINGS as PARITY_HEADINGS
from compress.report.parity import footnotes as parity_notes
from compress.report.parity import remarks, row_cells
from compress.report.reference import called, headings
from compress.report.rows import Results, cells, footnotes, gains, of_pictures, row_headings, summary_rows
from compress.report.sensitivity import summary
from compress.report.slices import SLICE_HEADINGS, shipped_row, slice_rows
from compress.report.subject import Earlier, Subject
from compress.sensitivity.records import SensitivityReport


@dataclass(frozen=True)
class Beside:
    """What is shown besides the bundle. ``earlier``: None where no store was looked into."""

    earlier: tuple[Earlier, ...] | None = None
    parity: ParityFile | None = None


@dataclass(frozen=True)
class Table:
    """Texts under headings; ``figures``: the columns that are right-aligned; ``strong``: the rows that matter."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: range = range(0)
    strong: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Page:
    """What the template of the page may look at."""

    title: str
    result: str
    reasons: tuple[str, ...]
    status: str
    draft_reasons: tuple[str, ...]
    checks: Table
    networks: Table
    notes: tuple[str, ...]
    metrics: Table | None
    metric_notes: tuple[str, ...]
    gains: tuple[str, ...]
    boards: tuple[Board, ...]
    looks_note: str
    given: tuple[Board, ...]
    backlit: Table | None
    backlit_boards: tuple[Board, ...]
    backlit_notes: tuple[str, ...]
    images: ImageTable | None
    psnr_name: str
    ssim_name: str
    slices: Table | None
    strips: tuple[Strip, ...]
    strip_size: tuple[int, int]
    speed_note: str
    plots: tuple[Plot, ...]
    earlier_note: str
    parity: tuple[tuple[Table, tuple[str, ...]], ...]
    kernel: str
    kernel_svg: str
    sensitivity: SensitivityReport | None
    sensitivity_notes: tuple[str, ...]
    builds: tuple[tuple[str, tuple[str, ...]], ...]
    absent: tuple[str, ...]
    device: str
    fingerprint: tuple[tuple[str, str], ...]
    provenance: Provenance | None


def report_page(subject: Subject, beside: Beside) -> str:
    """The whole page as text: the same inputs give the same text. Raises OSError for a crop that is not there."""
    return document("report.html.j2", _page(subject, beside))


def verdict_table(subject: Subject) -> Table:
    """Every budget with what became of it."""
    rows = tuple(check_cells(check) for check in subject.verdict.checks)
    return Table(f"Budgets of {subject.title}", CHECK_HEADINGS, rows)


def network_table(subject: Subject) -> Table:
    """The summary table."""
    rows = summary_rows(subject.results)
    strong = frozenset(place for place, row in enumerate(rows) if row.variant == "int8")
    caption = f"Networks of {subject.title}"
    names, texts = row_headings(subject.results.quality), tuple(cells(row) for row in rows)
    return Table(caption, names, texts, range(2, len(names)), strong)


def status_of(subject: Subject) -> str:
    """What kind of bundle it is, in a word."""
    return "not sealed" if subject.reasons is None else "draft" if subject.reasons else "release"


def _page(subject: Subject, beside: Beside) -> Page:
    results = subject.results
    return Page(
        title=subject.title, result=subject.verdict.result, reasons=subject.verdict.reasons,
        status=status_of(subject), draft_reasons=subject.reasons or (),
        checks=verdict_table(subject), networks=network_table(subject), notes=footnotes(results), gains=gains(results),
        metrics=_metrics(results), metric_notes=metric_notes(results),
        boards=boards(subject), looks_note=_looks_note(subject), given=given_boards(subject),
        backlit=_backlit(results), backlit_boards=backlit_boards(subject),
        backlit_notes=backlit_notes(results.backlit) if results.backlit else (),
        images=image_table(results, subject.looks),
        psnr_name=called(results.quality, "PSNR"), ssim_name=called(results.quality, "SSIM"),
        slices=_slices(results),
        strips=strips(results.speed), strip_size=(WIDTH, HEIGHT), speed_note=_speed_note(subject),
        plots=plots(results, beside.earlier), earlier_note=_earlier_note(beside),
        parity=_parity(beside.parity), sensitivity=results.sensitivity,
        sensitivity_notes=tuple(summary(results.sensitivity)) if results.sensitivity else (),
        kernel=results.kernel.summary if results.kernel else "",
        kernel_svg=Markup(kernel_svg(results.kernel)) if results.kernel else "",
        builds=build_lines(results), absent=tuple(absent_line(each) for each in results.builds.not_built),
        device=results.speed.device, fingerprint=tuple(sorted(results.speed.fingerprint.items())),
        provenance=subject.provenance,
    )  # fmt: skip


def _backlit(results: Results) -> Table | None:
    if results.backlit is None:
        return None
    return Table(TITLE, BACKLIT_HEADINGS, backlit_rows(results.backlit), range(2, len(BACKLIT_HEADINGS)))


def _metrics(results: Results) -> Table | None:
    headings = metric_headings(results)
    if not headings:
        return None
    caption = "Metrics beside PSNR and SSIM" if of_pictures(results.quality) else "Metrics"
    return Table(caption, headings, metric_rows(results), range(2, len(headings)))


def _slices(results: Results) -> Table | None:
    shipped = shipped_row(results)
    if shipped is None:
        return None
    rows = slice_rows(results.quality, shipped)
    names = headings(results.quality, SLICE_HEADINGS)
    return Table(f"INT8 through {shipped.runtime} by slice", names, rows, range(1, len(SLICE_HEADINGS) - 1))


def _looks_note(subject: Subject) -> str:
    if subject.looks is None:
        return "This bundle has no crops: it was made by a version that took none, or without test pictures."
    count, total = len(subject.looks.looks), subject.looks.test_images
    fidelity = subject.results.quality.fidelity
    shown = f"the {fidelity.to}'s picture" if fidelity else "its ground truth"
    taken = f"{count} of {total} test pictures, each cut where {shown} has most detail"
    licence = f" Licence of the pictures: {subject.provenance.data_licence.rstrip('.')}." if subject.provenance else ""
    decibels = "; decibels are of the whole picture" if of_pictures(subject.results.quality) else ""
    return f"{taken}{decibels}.{licence}"


def _speed_note(subject: Subject) -> str:
    speed = subject.results.speed
    if not speed.rows:
        return f"Not measured: {speed.not_measured or 'no run'}."
    return f"On {speed.device}: model only, batch 1, all builds in turn; each drawing has a scale of its own."


def _earlier_note(beside: Beside) -> str:
    if beside.earlier is None:
        return "Without earlier runs, which are no part of a bundle: compress report draws those that the store has."
    return ""


def _parity(parity: ParityFile | None) -> tuple[tuple[Table, tuple[str, ...]], ...]:
    found = []
    for report in parity.reports if parity else ():
        rows = tuple((*row_cells(row), row.result or "–") for row in report.rows)
        lines = (*parity_notes(report), *(line for row in report.rows for line in remarks(row, layers=False)))
        found.append(
            (Table(f"Parity of {report.builds}", PARITY_HEADINGS, rows, range(2, len(PARITY_HEADINGS) - 1)), lines)
        )
    return tuple(found)
