"""Which picture lies in which split, as one digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.data.source import SPLITS, data_digest, open_source

if TYPE_CHECKING:
    from compress.artefacts import Labels
    from compress.schema import DataSpec


def split_digest(spec: DataSpec, labels: Labels | None = None) -> str:
    """SHA-256 (hex) over the pictures' digest and, for each split, names with their scenes in order.

    Two runs with an equal one were trained on, watched on and tested on the same pictures. Raises DataError.
    """
    from compress.store.digests import digest_of

    sources = {split: open_source(spec, split, labels) for split in SPLITS}
    members = {split: [list(pair) for pair in zip(each.names, each.scenes, strict=True)]
               for split, each in sources.items()}  # fmt: skip
    return digest_of({"data": data_digest(spec), "splits": members})
