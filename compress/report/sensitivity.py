"""The sensitivity of the layers as lines of text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

from compress.metrics import PSNR_CAP_DB
from compress.sensitivity.records import SensitivityReport, SensitivityRow

NAMES = {"float": "float", "int16": "16 bit"}


def lines(report: SensitivityReport) -> Iterator[str]:
    """The table, the layer that costs most first, then ``summary``."""
    head = f"{'layer':<24} {'alone dB':>9} {'worst dB':>9} {'if float':>9} {'if 16 bit':>9} {'int8':>9} {'float':>9}"
    yield f"{head}  ({_unit(report)})"
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
    if report.of_fidelity and report.float_psnr_db == PSNR_CAP_DB:
        yield f"these are below {PSNR_CAP_DB:g} dB, which equal pictures count as: the float network is the reference"
    for row in report.rows:
        if row.promotion_gain_db is not None:
            yield (
                f"{row.layer} to {NAMES[row.promoted_to or 'float']}: brings {row.promotion_gain_db:.3f} dB by itself "
                f"for {row.promotion_cost or 0.0:.3f} {_unit(report)}"
            )
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
    left, unit = report.speedup, _unit(report)
    if left is not None:
        yield f"speed left: {left:.2f}x of the float network, by its layers alone ({unit})"
    if left is not None and left <= 1.0:
        yield "the budget and a gain in speed exclude each other: with these layers promoted, int8 is no faster"
    for point in report.curve:
        yield (
            f"  {point.promoted} promoted: {point.drop_db:.3f} dB, worst image {point.worst_drop_db:.3f}, "
            f"for {point.cost:.3f} {unit}"
        )


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
