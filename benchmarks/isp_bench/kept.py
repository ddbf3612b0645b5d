"""Chains of the committed file that this run doesn't make: they stay, each with the commit that made it."""

from __future__ import annotations

from growing.bench import joined_rows

from isp_bench.records import IspFile


def measured_on(found: IspFile) -> tuple[object, ...]:
    """What rows of two files must share to be compared."""
    return found.data, found.data_digest, found.images, found.size


def joined(found: IspFile, kept: IspFile) -> IspFile:
    """``found`` with the chains of ``kept`` that it has none of."""
    chains = joined_rows(kept.chains, found.chains, lambda row: (row.recipe, row.seed))
    return found.model_copy(update={"chains": chains, "notes": tuple(dict.fromkeys((*kept.notes, *found.notes)))})
