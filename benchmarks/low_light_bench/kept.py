"""Rows of the committed file that this run doesn't make: they stay, each with the commit that made it.

Hours of training are spread over many runs, on machines that keep no store between them.
"""

from __future__ import annotations

from pathlib import Path

from low_light_bench.records import Fixed, LowLightFile


def beside(found: LowLightFile, path: Path) -> LowLightFile:
    """``found`` with the rows of ``path`` that it has none of; as it is without such a file or with other pictures."""
    if not path.is_file():
        return found
    kept = LowLightFile.read(path)
    if _measured_on(kept) != _measured_on(found):
        return found
    trained = tuple({(row.recipe, row.seed): row for row in (*kept.trained, *found.trained)}.values())
    ablated = tuple({(row.recipe, row.seed, row.without): row for row in (*kept.ablated, *found.ablated)}.values())
    return found.model_copy(update={
        "fixed": tuple(_timed(row, kept) for row in found.fixed), "trained": trained, "ablated": ablated,
        "seeds": tuple(sorted({row.seed for row in trained} | {row.seed for row in ablated})) or found.seeds,
    })  # fmt: skip


def _measured_on(found: LowLightFile) -> tuple[object, ...]:
    return found.data, found.data_digest, found.split_digest, found.images, found.size


def _timed(row: Fixed, kept: LowLightFile) -> Fixed:
    """The row; the kept one where this run took no times and that one has them, of the same answers."""
    earlier = next((each for each in kept.fixed if each.name == row.name), None)
    if earlier is None or row.p50_ms is not None or earlier.scores != row.scores:
        return row
    return earlier
