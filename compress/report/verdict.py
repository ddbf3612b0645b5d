"""The rules of the gate: budgets against measurements, without any I/O.

``judge`` takes values and returns a record. One rule for each field of ``Budget``, and one for each limit by metric
name in its ``metrics``; a figure that is asked for but was not measured makes the verdict incomplete, never passed,
and a NaN fails it.
What is judged is the INT8 build that ships, through the runtime the device uses; its float self is
the pruned student where the chain pruned, else the student.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

from compress.metrics.distance import WHAT, untrained_loss_db
from compress.metrics.table import METRICS, MetricName
from compress.records import (
    Build,
    BuildList,
    Check,
    NotBuilt,
    Origin,
    QualityReport,
    QualityRow,
    SpeedReport,
    SpeedRow,
    Variant,
    VerdictRecord,
)  # fmt: skip
from compress.report.reference import is_reference
from compress.schema import Budget

Result = Literal["pass", "fail", "incomplete"]


class Missing(Exception):
    """A figure that a rule needs was not measured; the text says which and why."""


@dataclass(frozen=True)
class Figure:
    """A figure with where it comes from."""

    value: float
    origin: Origin
    note: str = ""


@dataclass(frozen=True)
class Evidence:
    """Everything the rules may look at. ``runtime`` is the one the device runs builds with.

    ``untrained``: INT8 was not trained, so each picture's loss is the larger of its drop and of its distance to the
    float answer.
    """

    builds: BuildList
    quality: QualityReport
    speed: SpeedReport
    runtime: str
    untrained: bool = False

    @property
    def float_variant(self) -> Variant:
        """The float net that became INT8: the newest one anything is known of."""
        known = {b.variant for b in self.builds.builds} | {n.variant for n in self.builds.nets}
        known |= {row.variant for row in self.quality.rows} | {row.variant for row in self.speed.rows}
        return "pruned" if "pruned" in known else "student"

    def shipped(self) -> tuple[Build, ...]:
        """The INT8 builds that ship for the device's runtime; those of fixed size where there are any."""
        found = [b for b in self.builds.builds if b.ships and b.variant == "int8" and b.runtime == self.runtime]
        if not found:
            why = [n.reason for n in self.builds.not_built if n.runtime == self.runtime and n.variant in (None, "int8")]
            raise Missing(f"no INT8 build for {self.runtime}" + (f": {why[0]}" if why else ""))
        return tuple(b for b in found if b.height is not None) or tuple(found)

    def quality_row(self, variant: Variant, *runtimes: str) -> QualityRow:
        """The row of ``variant`` through the first of ``runtimes`` that was measured."""
        for runtime in runtimes:
            for row in self.quality.rows:
                if row.variant == variant and row.runtime == runtime and row.measured:
                    return row
        raise Missing(f"no quality of {variant} through {' or '.join(runtimes)}")

    @property
    def what(self) -> str:
        """What PSNR and SSIM are of, where it is no ground truth."""
        return f"{self.quality.fidelity.name}, not quality" if self.quality.fidelity else ""

    def int8_quality(self) -> QualityRow:
        """Quality of what ships."""
        return self.quality_row("int8", self.runtime)

    def float_quality(self) -> QualityRow:
        """Quality of its float self: through the same runtime if measured, else through torch.

        There is none where its own pictures stand for the ground truth: a drop from them would be any figure.
        """
        if is_reference(self.float_variant, self.quality):
            raise Missing(_NO_DROP)
        return self.quality_row(self.float_variant, self.runtime, "torch", "onnx")

    def int8_speed(self) -> SpeedRow:
        """Speed of what ships; the slowest, where several builds do."""
        names = {build.name for build in self.shipped()}
        rows = [row for row in self.speed.rows if row.build in names]
        if not rows:
            raise Missing(f"speed not measured: {self.speed.not_measured or 'no run of the shipped INT8 build'}")
        return max(rows, key=lambda row: row.p50_ms)

    def float_speed(self, like: SpeedRow) -> SpeedRow:
        """Speed of the float self through the same runtime at the same size."""
        for row in self.speed.rows:
            same = (row.runtime, row.height, row.width) == (like.runtime, like.height, like.width)
            if same and row.variant == self.float_variant:
                return row
        raise Missing(f"no speed of {self.float_variant} through {like.runtime} at {like.height}x{like.width}")


_NO_DROP = (
    "a drop in quality needs a ground truth, and here the float network's own pictures stand in its place; ask for "
    "fidelity: target.budget.min_psnr_db=40, with target.budget.max_int8_drop_db= and max_worst_drop_db= left empty"
)


def mean(values: tuple[float, ...]) -> float:
    """Arithmetic mean; NaN stays NaN."""
    return math.fsum(values) / len(values) if all(map(math.isfinite, values)) else sum(values) / len(values)


def _psnr(evidence: Evidence) -> Figure:
    row = evidence.int8_quality()
    return Figure(mean(row.psnr_db), row.origin, evidence.what)


def _ssim(evidence: Evidence) -> Figure:
    row = evidence.int8_quality()
    if not row.ssim:
        raise Missing(f"no SSIM of int8 through {row.runtime}")
    return Figure(mean(row.ssim), row.origin, evidence.what)


def _gain(evidence: Evidence) -> Figure:
    row, dark = evidence.int8_quality(), evidence.quality_row("input", "none")
    return Figure(mean(row.psnr_db) - mean(dark.psnr_db), _weaker(row.origin, dark.origin), evidence.what)


def _drop(evidence: Evidence) -> Figure:
    row, full = evidence.int8_quality(), evidence.float_quality()
    if evidence.untrained:
        note = f"{WHAT}; {full.variant} through {full.runtime}, int8 through {row.runtime}"
        return Figure(mean(_losses(evidence, row, full)), _weaker(row.origin, full.origin), note)
    note = f"{full.variant} through {full.runtime} minus int8 through {row.runtime}"
    note += _of_what(evidence)
    return Figure(mean(full.psnr_db) - mean(row.psnr_db), _weaker(row.origin, full.origin), note)


def _losses(evidence: Evidence, row: QualityRow, full: QualityRow) -> tuple[float, ...]:
    """What each picture loses."""
    if len(row.psnr_db) != len(full.psnr_db):
        raise Missing(f"{full.variant} and int8 were not measured on the same images")
    if not evidence.untrained:
        return tuple(before - after for before, after in zip(full.psnr_db, row.psnr_db, strict=True))
    if len(row.psnr_to_float_db) != len(row.psnr_db):
        raise Missing(f"int8 through {row.runtime} was not compared with its float answer, and it was not trained")
    return tuple(map(untrained_loss_db, full.psnr_db, row.psnr_db, row.psnr_to_float_db))


def _worst_drop(evidence: Evidence) -> Figure:
    row, full = evidence.int8_quality(), evidence.float_quality()
    drops = _losses(evidence, row, full)
    if any(math.isnan(drop) for drop in drops):  # max() would overlook one
        return Figure(math.nan, row.origin)
    worst = max(range(len(drops)), key=drops.__getitem__)
    named = evidence.quality.images[worst] if worst < len(evidence.quality.images) else f"image {worst}"
    note = f"on {named}{_of_what(evidence)}" + (f"; {WHAT}" if evidence.untrained else "")
    return Figure(drops[worst], _weaker(row.origin, full.origin), note)


def _of_what(evidence: Evidence) -> str:
    return f"; of {evidence.quality.fidelity.name}" if evidence.quality.fidelity else ""


def _fps(evidence: Evidence) -> Figure:
    row = evidence.int8_speed()
    return Figure(row.fps, row.origin, f"{row.build} on {evidence.speed.device}")


def _p50(evidence: Evidence) -> Figure:
    row = evidence.int8_speed()
    return Figure(row.p50_ms, row.origin, f"{row.build} on {evidence.speed.device}")


def _p90(evidence: Evidence) -> Figure:
    row = evidence.int8_speed()
    return Figure(row.p90_ms, row.origin, f"{row.build} on {evidence.speed.device}")


def _speedup(evidence: Evidence) -> Figure:
    row = evidence.int8_speed()
    full = evidence.float_speed(row)
    ratio = full.p50_ms / row.p50_ms if row.p50_ms > 0 else math.nan
    return Figure(ratio, _weaker(row.origin, full.origin), f"p50 of {full.build} over {row.build}")


def _params(evidence: Evidence) -> Figure:
    for variant in ("int8", evidence.float_variant):
        for net in evidence.builds.nets:
            if net.variant == variant and net.params is not None:
                return Figure(net.params, "counted", f"of {variant}")
    raise Missing("parameters were not counted")


def _size(evidence: Evidence) -> Figure:
    largest = max(evidence.shipped(), key=lambda build: build.size_bytes)
    return Figure(largest.size_bytes, "counted", f"of {largest.name}")


def _of_pictures(find: Callable[[Evidence], Figure]) -> Callable[[Evidence], Figure]:
    """``find`` where what ships answers with pictures."""

    def found(evidence: Evidence) -> Figure:
        row = evidence.int8_quality()
        if not row.psnr_db:
            raise Missing(f"no PSNR of {row.variant} through {row.runtime}: it does not answer with pictures")
        return find(evidence)

    return found


@dataclass(frozen=True)
class Rule:
    """How one field of ``Budget`` is judged: ``lower`` when the limit is the least allowed."""

    lower: bool
    unit: str
    find: Callable[[Evidence], Figure]


RULES: dict[str, Rule] = {
    "min_psnr_db": Rule(True, "dB", _of_pictures(_psnr)),
    "min_ssim": Rule(True, "", _ssim),
    "min_gain_over_input_db": Rule(True, "dB", _of_pictures(_gain)),
    "max_int8_drop_db": Rule(False, "dB", _of_pictures(_drop)),
    "max_worst_drop_db": Rule(False, "dB", _of_pictures(_worst_drop)),
    "min_fps": Rule(True, "FPS", _fps),
    "max_latency_ms": Rule(False, "ms", _p50),
    "max_latency_p90_ms": Rule(False, "ms", _p90),
    "min_int8_speedup": Rule(True, "x", _speedup),
    "max_params": Rule(False, "", _params),
    "max_size_bytes": Rule(False, "B", _size),
}


def judge(budget: Budget, evidence: Evidence) -> VerdictRecord:
    """The verdict: one check for each budget asked for, and what else stands in the way."""
    limits = {name: getattr(budget, name) for name in RULES}
    checks = tuple(_check(name, RULES[name], limit, evidence) for name, limit in limits.items() if limit is not None)
    checks += tuple(_metric_checks(budget, evidence))
    broken = _nan_reasons(evidence)
    # A float network that the device can't run is missed by what compares with it, not by what ships.
    gaps = [gap for gap in evidence.builds.not_built if gap.variant in (None, "int8")]
    absent = tuple(map(_gap_line, gaps))
    if not any(build.ships for build in evidence.builds.builds):
        absent += ("no build that ships",)
    results = {check.result for check in checks}
    result: Result = "pass"
    if broken or "fail" in results:
        result = "fail"
    elif absent or "incomplete" in results:
        result = "incomplete"
    return VerdictRecord(result=result, checks=checks, reasons=broken + absent)


def _gap_line(gap: NotBuilt) -> str:
    if gap.free:
        way = "if the fixed size is enough, ask for no other: target.export.dynamic=false"
        return f"{gap.runtime} build of free size wanted but not made: {gap.reason}; {way}"
    return f"{gap.runtime} build wanted but not made: {gap.reason}"


def _metric_checks(budget: Budget, evidence: Evidence) -> Iterator[Check]:
    for asked in budget.metrics:
        for word, limit, lower in (("min", asked.min, True), ("max", asked.max, False)):
            if limit is not None:
                rule = Rule(lower, METRICS[asked.metric].unit, partial(_metric, asked.metric))
                yield _check(f"{word}_{asked.metric}", rule, limit, evidence)
        if asked.max_drop is not None:
            rule = Rule(False, METRICS[asked.metric].unit, partial(_metric_drop, asked.metric))
            yield _check(f"max_int8_drop_{asked.metric}", rule, asked.max_drop, evidence)


def _metric(name: MetricName, evidence: Evidence) -> Figure:
    row = evidence.int8_quality()
    return Figure(_metric_mean(name, row, evidence), row.origin, evidence.what if METRICS[name].compare else "")


def _metric_drop(name: MetricName, evidence: Evidence) -> Figure:
    """How much worse INT8 is than its float self, whichever way the metric runs."""
    row, full = evidence.int8_quality(), evidence.float_quality()
    drop = _metric_mean(name, full, evidence) - _metric_mean(name, row, evidence)
    note = f"{full.variant} through {full.runtime} minus int8 through {row.runtime}"
    return Figure(drop if METRICS[name].higher_is_better else -drop, _weaker(row.origin, full.origin), note)


def _metric_mean(name: MetricName, row: QualityRow, evidence: Evidence) -> float:
    values, facts = row.values(name), evidence.quality.metric(name)
    if not values:
        why = facts.not_measured if facts is not None else "add it to validation.metrics"
        raise Missing(f"no {METRICS[name].heading} of {row.variant} through {row.runtime}: {why or 'not measured'}")
    return mean(values)


def _check(name: str, rule: Rule, limit: float, evidence: Evidence) -> Check:
    try:
        figure = rule.find(evidence)
    except Missing as missing:
        return Check(name=name, limit=limit, measured=None, unit=rule.unit, origin=None, result="incomplete",
                     note=str(missing))  # fmt: skip
    value, note = figure.value, figure.note
    held = value >= limit if rule.lower else value <= limit  # False for NaN
    result: Result = "pass" if held else "fail"
    if figure.origin not in ("measured", "counted"):
        result, note = "incomplete", f"{figure.origin}, not measured; {note}".rstrip("; ")
    if not math.isfinite(value):  # JSON has no spelling for these
        result, note = ("fail" if math.isnan(value) else result), f"measured {value}; {note}".rstrip("; ")
    return Check(name=name, limit=limit, measured=value if math.isfinite(value) else None, unit=rule.unit,
                 origin=figure.origin, result=result, note=note)  # fmt: skip


def _weaker(*origins: Origin) -> Origin:
    """The origin of a figure made from several: that of its weakest part."""
    order: tuple[Origin, ...] = ("estimated", "simulated", "measured", "counted")
    return min(origins, key=order.index)


def _nan_reasons(evidence: Evidence) -> tuple[str, ...]:
    """One line for each row in which something that should be a number is none."""
    found = []
    for row in evidence.quality.rows:
        others = [value for each in row.others for value in each.values]
        if any(map(math.isnan, (*row.psnr_db, *row.ssim, *row.psnr_gtmean_db, *row.psnr_to_float_db, *others))):
            found.append(f"quality of {row.variant} through {row.runtime} holds NaN")
    for timing in evidence.speed.rows:
        values = (timing.p50_ms, timing.p90_ms, timing.p99_ms, timing.fps, *timing.samples_ms)
        if any(math.isnan(value) for value in values):
            found.append(f"speed of {timing.build} holds NaN")
    return tuple(found)
