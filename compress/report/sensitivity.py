"""The sensitivity of the layers as lines of text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from compress.metrics import PSNR_CAP_DB
from compress.metrics.distance import WHAT
from compress.sensitivity.records import PromotionPoint, SensitivityReport, SensitivityRow

NAMES = {"float": "float", "int16": "16 bit"}
NO_GAIN = 1.05
"""Below so many times the float network's speed a gain is none: a machine's own noise is as large."""


def lines(report: SensitivityReport) -> Iterator[str]:
    """The table, the layer that costs most first, then ``summary``."""
    head = f"{'layer':<24} {'alone dB':>9} {'worst dB':>9} {'if float':>9} {'if 16 bit':>9} {'int8':>9} {'float':>9}"
    if report.rows:
        yield f"{head}  ({_unit(report)})"
    if report.ranked_images:
        yield f"each layer on what int8 harms most: {', '.join(report.ranked_images)}"
    for row in report.rows:
        figures = (row.cost_alone_db, row.worst_alone_db, row.gain_if_float_db, row.gain_if_16bit_db)
        texts = " ".join(f"{'–':>9}" if value is None else f"{value:+9.3f}" for value in figures)
        mark = f"  to {NAMES[row.promoted_to]}" if row.promoted_to else ""
        yield f"{row.layer:<24} {texts} {row.cost.int8:9.3f} {row.cost.floating:9.3f}{mark}"
    yield from summary(report)


def summary(report: SensitivityReport) -> Iterator[str]:
    """What int8 costs, what was promoted, what that brought and costs, and what to do where it was not enough."""
    of = f" of {report.of_fidelity}" if report.of_fidelity else ""
    yield (
        f"int8 costs {report.drop_db:.3f} dB{of} (worst image {report.worst_drop_db:.3f}) on {len(report.images)} "
        f"{report.split} pictures; {_limits(report)}"
    )
    if report.untrained:
        yield f"of each picture, {WHAT}"
    if report.of_fidelity and report.float_psnr_db == PSNR_CAP_DB:
        yield f"these are below {PSNR_CAP_DB:g} dB, which equal pictures count as: the float network is the reference"
    if not report.rows:
        yield "the budget holds with all layers in int8, so single ones were not measured (sensitivity.always=true)"
    for row in report.rows:
        if row.promotion_gain_db is not None:
            yield (
                f"{row.layer} to {NAMES[row.promoted_to or 'float']}: brings {row.promotion_gain_db:.3f} dB by itself "
                f"for {row.promotion_cost or 0.0:.3f} {_unit(report)}"
            )
    if report.closeness_db is not None:
        after = f", {report.closeness_after_db:.2f} dB with what was promoted" if report.promoted else ""
        yield f"against the float network's own pictures: PSNR {report.closeness_db:.2f} dB{after}"
    if report.promoted:
        yield (
            f"with {len(report.promoted)} of {len(report.rows)} layers promoted: {report.drop_after_db:.3f} dB (worst "
            f"image {report.worst_drop_after_db:.3f}) for {report.cost_of_promotion:.3f} {_unit(report)}"
        )
    yield from _speed_left(report)
    floats = [row.layer for row in report.rows if row.promoted_to == "float"]
    if floats:
        yield f"to quantize around them: quantize.keep_float=[{','.join(floats)}] besides what it holds now"
    if not report.holds and not report.wider:
        yield "the budget does not hold, and the target has nothing beyond int8: widen the student or raise the budget"
    elif not report.holds:
        yield "the budget does not hold even so: widen the student or raise the budget"


def _speed_left(report: SensitivityReport) -> Iterator[str]:
    """What is left of int8's speed where layers were promoted, and what each step towards the budget costs."""
    if not report.curve:
        return
    whole, unit = report.whole_speedup, _unit(report)
    left = report.speedup if whole is None else whole
    if left is not None:
        how = f"by its layers alone ({unit})" if whole is None else "the whole network, measured"
        yield f"speed left: {left:.2f}x of the float network, {how}"
    if left is not None and left < NO_GAIN and report.holds:
        yield (
            "the budget and a gain in speed exclude each other: with what it takes to hold it, int8 is no faster; "
            "raise target.budget's drops to a point of the curve, train it (recipe=adopt), or ship float"
        )
    for point in report.curve:
        yield f"  {_point(point, report, unit)}"


def _point(point: PromotionPoint, report: SensitivityReport, unit: str) -> str:
    cost = f"for {point.cost:.3f} {unit}"
    if point.latency_ms is not None and report.float_latency_ms is not None:
        cost = f"{point.latency_ms:.2f} ms ({report.float_latency_ms / point.latency_ms:.2f}x), measured"
    mark = " (this ships)" if point.chosen else ""
    return (
        f"{point.promoted} promoted: {point.drop_db:.3f} dB, worst image {point.worst_drop_db:.3f}, {cost}{mark}"
    )  # fmt: skip


def markdown_rows(report: SensitivityReport) -> Iterator[str]:
    """The rows of a Markdown table."""
    unit = report.cost_unit
    yield f"| layer | alone in int8 costs dB | worst dB | float brings dB | 16 bit brings dB | int8 {unit} | promoted |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | --- |"
    for row in report.rows:
        wide = "–" if row.gain_if_16bit_db is None else f"{row.gain_if_16bit_db:.3f}"
        figures = f"{row.cost_alone_db:.3f} | {row.worst_alone_db:.3f} | {row.gain_if_float_db:.3f} | {wide}"
        yield f"| {row.layer} | {figures} | {row.cost.int8:.3f} | {_mark(row, unit)} |"


def _mark(row: SensitivityRow, unit: str) -> str:
    if row.promoted_to is None:
        return ""
    return f"to {NAMES[row.promoted_to]}, {row.promotion_cost or 0.0:+.3f} {unit}"


def _unit(report: SensitivityReport) -> str:
    return f"{report.cost_unit}, {report.cost_origin}"


def _limits(report: SensitivityReport) -> str:
    limits = [f"limit {report.limit_db:g} dB"] if report.limit_db is not None else []
    limits += [f"worst image {report.worst_limit_db:g} dB"] if report.worst_limit_db is not None else []
    return ", ".join(limits) or "no limit"
