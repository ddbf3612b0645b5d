"""The rows of the summary table: one model for the terminal, Markdown and the bundle.

A row is one network through one runtime. A figure that does not exist is None and shown as a dash;
nothing is filled in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from compress.backlight.records import BacklitReport
from compress.degradation.records import KernelReport
from compress.records import (
    DARK_INPUT,
    BuildList,
    MetricFacts,
    NetFacts,
    Origin,
    QualityReport,
    QualityRow,
    SpeedReport,
    SpeedRow,
    Variant,
)
from compress.report.reference import called, headings, is_reference, reference_lines
from compress.report.verdict import mean
from compress.runtimes import RUNTIMES
from compress.sensitivity.records import SensitivityReport

LABELS: dict[Variant, str] = {
    "input": DARK_INPUT,
    "teacher": "teacher",
    "control": "student, not distilled",
    "student": "float student",
    "pruned": "pruned",
    "ptq": "INT8, PTQ only",
    "int8": "INT8 student",
}
"""The variants in the order of the table."""

_NONE = "–"
HEADINGS = ("network", "through", "params", "GMACs", "PSNR dB", "worst dB", "SSIM", "FPS", "p50 ms", "KiB")
_OF_PICTURES = slice(4, 7)
"""Of these, what stands for the quality of pictures."""

_MARKS: dict[Origin, str] = {"measured": "", "counted": "", "simulated": " (sim.)", "estimated": " (est.)"}


@dataclass(frozen=True)
class SummaryRow:
    """One network through one runtime; PSNR and SSIM are means over the test images."""

    variant: Variant
    runtime: str
    params: int | None
    macs: int | None
    psnr_db: float | None
    worst_psnr_db: float | None
    ssim: float | None
    quality_origin: Origin | None
    fps: float | None
    p50_ms: float | None
    speed_origin: Origin | None
    size_bytes: int | None
    label: str
    reference: bool = False
    """The others' figures are fidelity to this one."""
    others: tuple[str, ...] | None = None
    """Where no answers are pictures: each metric that was measured, as text, in the place of PSNR and SSIM."""


@dataclass(frozen=True)
class Results:
    """What a chain measured, as far as it got. ``runtime`` is the device's, ``sensitivity`` None where not asked.

    ``kernel``: the camera's, where frames were made smaller by it. ``backlit``: what was found under uneven light.
    """

    builds: BuildList
    quality: QualityReport
    speed: SpeedReport
    runtime: str
    sensitivity: SensitivityReport | None = None
    kernel: KernelReport | None = None
    backlit: BacklitReport | None = None


def row_headings(quality: QualityReport) -> tuple[str, ...]:
    """Of the table's columns: ``HEADINGS``, with the metrics' own in PSNR's place where nothing gives pictures."""
    if of_pictures(quality):
        return headings(quality, HEADINGS)
    named = tuple(each.heading for each in _shown(quality))
    return HEADINGS[: _OF_PICTURES.start] + named + HEADINGS[_OF_PICTURES.stop :]


def of_pictures(quality: QualityReport) -> bool:
    """Whether answers are pictures, which have a PSNR; so of a report that holds nothing yet."""
    return not quality.rows or any(row.psnr_db for row in quality.rows)


def _shown(quality: QualityReport) -> tuple[MetricFacts, ...]:
    return tuple(each for each in quality.metrics if each.not_measured is None)


def _others(row: QualityRow | None, quality: QualityReport) -> tuple[str, ...] | None:
    if of_pictures(quality):
        return None
    found = ((each, row.values(each.name) if row else ()) for each in _shown(quality))
    return tuple(_text(mean(values) if values else None, f"{{:.{each.decimals}f}}") for each, values in found)


def summary_rows(results: Results) -> tuple[SummaryRow, ...]:
    """All rows, in the order of the chain.

    INT8 has a row for every runtime it was run through (the device's first: that is what ships), the
    others one: through the device's runtime if measured there, else through torch.
    """
    rows = []
    for variant in LABELS:
        if variant == "ptq" and not results.builds.trained:
            continue
        measured = _by_runtime(variant, results)
        if variant != "int8":
            measured = measured[:1]
        if not measured and (_net(variant, results) or _speed(variant, results.runtime, results)):
            rows.append(_row(variant, results.runtime, None, results))
        rows += [_row(variant, quality.runtime, quality, results) for quality in measured]
    return tuple(rows)


def _by_runtime(variant: Variant, results: Results) -> list[QualityRow]:
    order = list(dict.fromkeys((results.runtime, "torch", "onnx", "openvino", *RUNTIMES, "none")))
    found = [row for row in results.quality.rows if row.variant == variant and row.measured]
    return sorted(found, key=lambda row: order.index(row.runtime))


def _row(variant: Variant, runtime: str, quality: QualityRow | None, results: Results) -> SummaryRow:
    # Only INT8 has several rows; the float nets show the speed of their build on the device.
    timed_with = runtime if variant == "int8" else results.runtime
    net, timing = _net(variant, results), _speed(variant, timed_with, results)
    return SummaryRow(
        variant=variant,
        runtime="–" if runtime == "none" else runtime,
        params=net.params if net else None,
        macs=net.macs if net else None,
        psnr_db=mean(quality.psnr_db) if quality and quality.psnr_db else None,
        worst_psnr_db=min(quality.psnr_db) if quality and quality.psnr_db else None,
        ssim=mean(quality.ssim) if quality and quality.ssim else None,
        quality_origin=quality.origin if quality else None,
        fps=timing.fps if timing else None,
        p50_ms=timing.p50_ms if timing else None,
        speed_origin=timing.origin if timing else None,
        size_bytes=_size_bytes(variant, timed_with, results, net),
        label=label_of(variant, results.quality),
        reference=is_reference(variant, results.quality),
        others=_others(quality, results.quality),
    )


def label_of(variant: Variant, quality: QualityReport) -> str:
    """What a variant is called in a table."""
    if is_reference(variant, quality):
        return f"{LABELS[variant]} (is the reference)"
    return quality.input_label if variant == "input" else LABELS[variant]


def quality_row(quality: QualityReport, variant: Variant, runtime: str) -> QualityRow | None:
    """The row of ``variant`` through ``runtime``, else through another; None where it was not measured."""
    rows = [row for row in quality.rows if row.variant == variant and row.measured]
    return next((row for row in rows if row.runtime == runtime), rows[0] if rows else None)


def float_variant(results: Results) -> Variant:
    """The float net that became INT8."""
    return "pruned" if _net("pruned", results) or _by_runtime("pruned", results) else "student"


def _net(variant: Variant, results: Results) -> NetFacts | None:
    for net in results.builds.nets:
        if net.variant == variant:
            return net
    if variant in ("int8", "ptq"):  # quantizing changes neither parameters nor MACs
        return _net("pruned", results) or _net("student", results)
    return None


def _speed(variant: Variant, runtime: str, results: Results) -> SpeedRow | None:
    for row in results.speed.rows:
        if row.variant == variant and row.runtime == runtime:
            return row
    return None


def _size_bytes(variant: Variant, runtime: str, results: Results, net: NetFacts | None) -> int | None:
    """Of the fixed-size build for ``runtime``; where there is none, of the float network's own file."""
    builds = [b for b in results.builds.builds if b.variant == variant and b.runtime == runtime]
    for build in sorted(builds, key=lambda build: build.height is None):
        return build.size_bytes
    return net.weights_size_bytes if net and variant not in ("int8", "ptq") else None


def cells(row: SummaryRow) -> tuple[str, ...]:
    """The texts of a row, in the order of ``row_headings``."""
    quality, speed = _MARKS[row.quality_origin or "measured"], _MARKS[row.speed_origin or "measured"]
    pictures = (
        _text(row.psnr_db, "{:.2f}", quality),
        _text(row.worst_psnr_db, "{:.2f}", quality),
        _text(row.ssim, "{:.3f}", quality),
    )
    others = tuple(text + quality if text != _NONE else text for text in row.others or ())
    return (
        row.label,
        row.runtime,
        _text(row.params, "{:,}"),
        _text(row.macs and row.macs / 1e9, "{:.3f}"),
        *(pictures if row.others is None else others),
        _text(row.fps, "{:.1f}", speed),
        _text(row.p50_ms, "{:.2f}", speed),
        _text(row.size_bytes and row.size_bytes / 1024, "{:,.0f}"),
    )


def trained_lines(builds: BuildList) -> tuple[str, ...]:
    """What networks were trained by that were not trained by pairs."""
    return tuple(f"{LABELS[net.variant].capitalize()}: {net.trained_by}." for net in builds.nets if net.trained_by)


def _text(value: float | None, style: str, mark: str = "") -> str:
    return _NONE if value is None else style.format(value) + mark


def footnotes(results: Results) -> tuple[str, ...]:
    """Where the figures come from: one line for each kind."""
    notes = []
    for height, width in sorted({(net.macs_height, net.macs_width) for net in results.builds.nets}):
        notes.append(f"Parameters and MACs: counted, MACs for one picture of {height}x{width}.")
    notes += trained_lines(results.builds)
    if not results.builds.trained:
        notes.append("INT8: ranges from calibration pictures; nothing was trained under fake-quant.")
    quality, speed = results.quality, results.speed
    if quality.rows:
        how = _origins(row.origin for row in quality.rows)
        notes += reference_lines(quality)
        named = "Fidelity (PSNR, SSIM)" if quality.fidelity else "PSNR, SSIM"
        if not of_pictures(quality):
            named = ", ".join(each.heading for each in _shown(quality))
        notes.append(
            f"{named}: {how} on {len(quality.images)} {quality.data_kind} test images; {quality.definition}; "
            f"decoder {quality.decoder}; data {quality.data_digest[:12]}."
        )
    if speed.rows:
        how, runs = _origins(row.origin for row in speed.rows), max(row.runs for row in speed.rows)
        sizes = ", ".join(sorted({f"{row.height}x{row.width}" for row in speed.rows}))
        modes = ", ".join(sorted({f"{LABELS[row.variant]} {row.precision}" for row in speed.rows}))
        conditions = f"{results.runtime} builds unless named, model only, batch 1, {sizes}, {runs} interleaved runs"
        notes.append(f"FPS, p50: {how} on {speed.device}, {conditions}; {modes}.")
    else:
        notes.append(f"FPS, p50: not measured: {speed.not_measured or 'no run'}.")
    notes.append(f"KiB: counted, of the {results.runtime} build; of the network file where there is no such build.")
    return tuple(notes)


def _origins(origins: Iterable[Origin]) -> str:
    return ", ".join(sorted(set(origins)))


def gains(results: Results) -> tuple[str, ...]:
    """What each step bought, one line each, of the steps that can be compared."""
    full = float_variant(results)
    lines = [
        _compare("distillation against its control", "control", "student", results, "one seed, so no claim of a gain"),
        _compare("pruning", "student", "pruned", results) if full == "pruned" else None,
        _compare("QAT against PTQ", "ptq", "int8", results),
        _compare(f"INT8 against its float self ({LABELS[full]})", full, "int8", results),
        *(_also(row, results) for row in results.speed.also),
    ]
    return tuple(line for line in lines if line)


def _compare(what: str, before: Variant, after: Variant, results: Results, remark: str = "") -> str | None:
    """``what: PSNR a → b dB (+c), p50 …`` with the parts that both have, or None if there is none."""
    parts = []
    pair = None if is_reference(before, results.quality) else _quality_pair(before, after, results)
    if pair:
        parts.append(_quality_change(pair, results.quality))
    nets = _net(before, results), _net(after, results)
    if nets[0] and nets[1] and nets[0].macs and nets[1].macs and nets[0].macs != nets[1].macs:
        parts.append(f"MACs {nets[0].macs / 1e9:.3f} → {nets[1].macs / 1e9:.3f} G")
    times = _speed(before, results.runtime, results), _speed(after, results.runtime, results)
    if times[0] and times[1]:
        old, new = times[0].p50_ms, times[1].p50_ms
        origin = _origins((times[0].origin, times[1].origin))
        parts.append(f"p50 {old:.2f} → {new:.2f} ms ({old / new:.2f}x, {origin})")
    elif what == "pruning":
        parts.append("milliseconds not measured")
    if not pair and not (times[0] and times[1]):
        return None
    return f"{what}: " + ", ".join(parts) + (f"; {remark}" if remark else "")


def _quality_change(pair: tuple[QualityRow, QualityRow], quality: QualityReport) -> str:
    """By PSNR, or by the first metric of what does not answer with pictures."""
    if pair[0].psnr_db and pair[1].psnr_db:
        old, new = mean(pair[0].psnr_db), mean(pair[1].psnr_db)
        return f"{called(quality, 'PSNR')} {old:.2f} → {new:.2f} dB ({new - old:+.2f})"
    name = pair[0].others[0].metric
    facts = quality.metric(name)
    old, new = mean(pair[0].values(name)), mean(pair[1].values(name))
    return f"{facts.heading if facts else name} {old:.3f} → {new:.3f} ({new - old:+.3f})"


def _also(row: SpeedRow, results: Results) -> str | None:
    """What INT8 buys beyond a shorter float: a network that is only run in one needs no quantizing."""
    int8 = _speed("int8", row.runtime, results)
    if int8 is None:
        return None
    origin = _origins((row.origin, int8.origin))
    gain = f"p50 {row.p50_ms:.2f} → {int8.p50_ms:.2f} ms ({row.p50_ms / int8.p50_ms:.2f}x, {origin})"
    return f"INT8 against the same run in {row.precision} ({LABELS[row.variant]}): {gain}"


def _quality_pair(before: Variant, after: Variant, results: Results) -> tuple[QualityRow, QualityRow] | None:
    """Rows of both through one runtime (the device's first), else the best of each."""
    old, new = _by_runtime(before, results), _by_runtime(after, results)
    for runtime in (results.runtime, "torch", "onnx"):
        one = [row for row in old if row.runtime == runtime]
        other = [row for row in new if row.runtime == runtime]
        if one and other:
            return one[0], other[0]
    return (old[0], new[0]) if old and new else None
