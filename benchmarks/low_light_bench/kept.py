"""Rows of the committed file that this run doesn't make: they stay, each with the commit that made it."""

from __future__ import annotations

from growing.bench import joined_rows

from low_light_bench.records import Fixed, LowLightFile


def measured_on(found: LowLightFile) -> tuple[object, ...]:
    """What rows of two files must share to be compared."""
    return found.data, found.data_digest, found.split_digest, found.images, found.size


def joined(found: LowLightFile, kept: LowLightFile) -> LowLightFile:
    """``found`` with the rows of ``kept`` that it has none of."""
    trained = joined_rows(kept.trained, found.trained, lambda row: (row.recipe, row.seed))
    ablated = joined_rows(kept.ablated, found.ablated, lambda row: (row.recipe, row.seed, row.without))
    return found.model_copy(update={
        "fixed": tuple(_timed(row, kept) for row in found.fixed), "trained": trained, "ablated": ablated,
        "seeds": tuple(sorted({row.seed for row in trained} | {row.seed for row in ablated})) or found.seeds,
    })  # fmt: skip


def _timed(row: Fixed, kept: LowLightFile) -> Fixed:
    """The row; the kept one where this run took no times and that one has them, of the same answers."""
    earlier = next((each for each in kept.fixed if each.name == row.name), None)
    if earlier is None or row.p50_ms is not None or earlier.scores != row.scores:
        return row
    return earlier
