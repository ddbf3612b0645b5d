"""What ``compress run`` prints at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ConfigDict
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from compress.artefacts import Artefact, Builds, Bundle, Measurements, Net, Promoted, Verdict
from compress.bundle.manifest import MANIFEST, from_bytes
from compress.models.weights import weights_size_bytes
from compress.records import BuildList, Fidelity, QualityReport, Reference, SpeedReport, VerdictRecord
from compress.report.builds import absent_line, island_line, warnings
from compress.report.markdown import CHECK_HEADINGS, check_cells
from compress.report.metrics import metric_headings, metric_notes, metric_rows
from compress.report.rows import Results, cells, footnotes, gains, row_headings, summary_rows
from compress.report.sensitivity import summary
from compress.sensitivity.records import SensitivityReport

if TYPE_CHECKING:
    from rich.console import Console

    from compress.plan import Plan

COLOURS = {"pass": "green", "fail": "red", "incomplete": "yellow", "RELEASE": "green", "DRAFT": "yellow"}
Kind = TypeVar("Kind", bound=Artefact)


class _Point(BaseModel):
    """What is shown of a training curve's point; ``training.loop.CurvePoint`` is the whole one (needs torch)."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    loss: float
    val_psnr_db: float | None = None
    val_map50: float | None = None


class _Curve(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
    steps: int
    points: tuple[_Point, ...]


def newest(artefacts: Sequence[Artefact], kind: type[Kind]) -> Kind | None:
    """The last artefact of ``kind`` in the chain, or None."""
    found = [artefact for artefact in artefacts if isinstance(artefact, kind)]
    return found[-1] if found else None


def read_results(artefacts: Sequence[Artefact], runtime: str) -> Results | None:
    """What the chain measured, or None where it has no ``validate``."""
    builds, measurements = newest(artefacts, Builds), newest(artefacts, Measurements)
    if builds is None or measurements is None:
        return None
    promoted = newest(artefacts, Promoted)
    return Results(
        builds=BuildList.read(builds.folder / "builds.json"),
        quality=QualityReport.read(measurements.folder / "quality.json"),
        speed=SpeedReport.read(measurements.folder / "speed.json"),
        runtime=runtime,
        sensitivity=SensitivityReport.read(promoted.report) if promoted else None,
    )


def print_result(plan: Plan, artefacts: Sequence[Artefact], console: Console) -> None:
    """Show what came out of a chain, as far as it goes: figures with origins, verdict, bundle, networks."""
    results = read_results(artefacts, plan.target.device.runtime)
    if results is not None:
        _print_figures(f"{plan.recipe_name} on {plan.target_name}, data {plan.data_name}", results, console)
    verdict, bundle = newest(artefacts, Verdict), newest(artefacts, Bundle)
    if verdict is not None:
        _print_verdict(VerdictRecord.read(verdict.folder / "verdict.json"), console)
    if bundle is not None:
        _print_bundle(bundle, console)
    if results is None:
        for artefact in artefacts:
            _print_artefact(artefact, plan.reference, console)


def _print_figures(title: str, results: Results, console: Console) -> None:
    title += f": {results.quality.fidelity.name}" if results.quality.fidelity else ""
    table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, padding=0)
    # two lines a heading and a folded name: fits into 80 columns
    for place, heading in enumerate(_short(row_headings(results.quality), results.quality.fidelity)):
        table.add_column(heading.replace(" ", "\n"), justify="left" if place < 2 else "right", no_wrap=place > 0)
    for row in summary_rows(results):
        table.add_row(*(Text(text) for text in cells(row)), style="bold" if row.variant == "int8" else "")
    console.print(table)
    for note in footnotes(results):
        console.print(Text(note, style="dim"))
    _print_metrics(results, console)
    for line in gains(results):
        console.print(Text(line))
    if results.sensitivity:
        for line in summary(results.sensitivity):
            console.print(Text(f"sensitivity: {line}"))
    _print_builds(results.builds, console)


def _print_metrics(results: Results, console: Console) -> None:
    headings = metric_headings(results)
    if not headings:
        return
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < 2 else "right")
    for row in metric_rows(results):
        table.add_row(*(Text(text) for text in row))
    console.print(table)
    for note in metric_notes(results):
        console.print(Text(note, style="dim"))


def _short(names: tuple[str, ...], fidelity: Fidelity | None) -> tuple[str, ...]:
    """80 columns have room for the word once; the title says it of the whole table."""
    if fidelity is None:
        return names
    return tuple(name.replace(f"{fidelity.name}, ", "fidelity " if "PSNR" in name else "") for name in names)


def _print_builds(listed: BuildList, console: Console) -> None:
    """Precisions of what ships, and what is not as it was trained; the bundle's report.md has all notes."""
    for build in listed.builds:
        if build.ships:
            islands = island_line(build)
            if islands:
                console.print(Text(f"{build.name}: {islands}", style="dim"))
            for line in warnings(build):
                console.print(Text(f"{build.name}: {line}", style="yellow"))
    for absent in (each for each in listed.not_built if each.variant):  # the others are the verdict's to tell
        console.print(Text(absent_line(absent), style="yellow"))


def _print_verdict(verdict: VerdictRecord, console: Console) -> None:
    title = f"Verdict: [{COLOURS[verdict.result]}]{verdict.result}[/]"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in CHECK_HEADINGS:
        table.add_column(heading)
    for check in verdict.checks:
        name, limit, figure, result, note = check_cells(check)
        table.add_row(name, limit, figure, Text(result, style=COLOURS[result]), Text(note))
    console.print(table if verdict.checks else Text(f"Verdict: {verdict.result} (no budget set)"))
    for reason in verdict.reasons:
        console.print(Text(f"- {reason}"))


def _print_bundle(bundle: Bundle, console: Console) -> None:
    manifest = from_bytes((bundle.bundle / MANIFEST).read_bytes())
    status = manifest.status, COLOURS[manifest.status]
    console.print(Text.assemble("Bundle: ", status, f"  {bundle.bundle}"), soft_wrap=True)
    for reason in manifest.reasons:
        console.print(Text(f"- {reason}"))
    allow = " --allow-draft" if manifest.status == "DRAFT" else ""
    lines = ("compress keys public > public.pem", f"compress verify {bundle.bundle} --key public.pem{allow}")
    for line in lines:
        console.print(Text(f"  {line}"), soft_wrap=True)


def _print_artefact(artefact: Artefact, reference: Reference | None, console: Console) -> None:
    """A stage's result in a chain that measures nothing: the network's file and how its training went.

    ``reference``: whose pictures it was trained to, in the place of a truth.
    """
    if not isinstance(artefact, Net):
        console.print(Text(f"{type(artefact).__name__}: {artefact.folder}"), soft_wrap=True)
        return
    size = weights_size_bytes(artefact.weights) / 1024
    console.print(Text(f"{type(artefact).__name__}: {artefact.weights} ({size:,.0f} KiB)"), soft_wrap=True)
    path = artefact.folder / "curve.json"
    if path.is_file():
        curve = _Curve.model_validate_json(path.read_bytes())
        if curve.points:
            console.print(Text("  " + _curve_line(curve, reference)))


def _curve_line(curve: _Curve, reference: Reference | None) -> str:
    first, last = curve.points[0], curve.points[-1]
    line = f"trained {curve.steps:,} steps, loss {first.loss:.4f} → {last.loss:.4f}"
    found = [point.val_map50 for point in curve.points if point.val_map50 is not None]
    if found:
        return f"{line}, validation mAP50 {found[0]:.3f} → {found[-1]:.3f} (measured)"
    watched = [point.val_psnr_db for point in curve.points if point.val_psnr_db is not None]
    what = f"fidelity to the {reference}, PSNR" if reference else "PSNR"
    return line + (f", validation {what} {watched[0]:.2f} → {watched[-1]:.2f} dB (measured)" if watched else "")
