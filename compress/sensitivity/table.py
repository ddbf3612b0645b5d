"""The sensitivity of the layers as lines of text."""

from __future__ import annotations

from collections.abc import Iterator

from compress.records import SensitivityReport

_HEAD = f"{'layer':<24} {'alone dB':>9} {'worst dB':>9} {'if float':>9} {'if 16 bit':>9} {'int8':>9} {'float':>9}"


def lines(report: SensitivityReport) -> Iterator[str]:
    """The table, the layer that costs most first, then what was promoted and what that costs."""
    unit = f"{report.cost_unit}, {report.cost_origin}"
    yield f"{_HEAD}  ({unit})"
    for row in report.rows:
        figures = (row.cost_alone_db, row.worst_alone_db, row.gain_if_float_db, row.gain_if_16bit_db)
        texts = " ".join(f"{value:+9.3f}" for value in figures)
        mark = "  left float" if row.promoted else ""
        yield f"{row.layer:<24} {texts} {row.cost.int8:9.3f} {row.cost.floating:9.3f}{mark}"
    limit = "no limit" if report.limit_db is None else f"limit {report.limit_db:g} dB"
    yield (
        f"int8 costs {report.drop_db:.3f} dB (worst image {report.worst_drop_db:.3f}) on {len(report.images)} "
        f"{report.split} pictures; {limit}"
    )
    if report.promoted:
        yield (
            f"left float: {', '.join(report.promoted)}; then {report.drop_after_db:.3f} dB (worst image "
            f"{report.worst_drop_after_db:.3f}) for {report.cost_of_promotion:.3f} {unit}"
        )
        yield f"to train around them: quantize.keep_float=[{','.join(report.promoted)}] besides what it holds now"
    if not report.holds:
        yield "the budget does not hold even so"
