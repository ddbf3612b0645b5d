"""Seeds of the committed file that this run doesn't make: they stay, each with the commit that made it."""

from __future__ import annotations

from growing.bench import joined_rows

from night_bench.records import NightFile


def measured_on(found: NightFile) -> tuple[object, ...]:
    """What rows of two files must share to be compared."""
    return found.data_digest, found.split_digest, found.images, found.size, found.steps


def joined(found: NightFile, kept: NightFile) -> NightFile:
    """``found`` with the seeds of ``kept`` that it has none of."""
    runs = tuple(sorted(joined_rows(kept.runs, found.runs, lambda run: run.seed), key=lambda run: run.seed))
    return found.model_copy(update={"runs": runs, "seeds": tuple(run.seed for run in runs) or found.seeds})
