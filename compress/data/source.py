"""Where pictures come from: one way in for every stage, whatever the calibration set is.

Pictures are pairs: ``low`` is what the camera saw in the dark, ``high`` is the same scene well lit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.schema import DataSpec

    Picture = NDArray[np.uint8]
    Pair = tuple[Picture, Picture]

Split = Literal["train", "val", "test"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")


class PairSource(ABC):
    """Pairs of pictures of one split, in a fixed order.

    ``names`` and ``scenes`` have one entry per pair. Pairs with an equal scene show the same
    well-lit picture; a scene lies in one split only.
    """

    names: tuple[str, ...]
    scenes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def pair(self, index: int) -> Pair:
        """Dark and well-lit picture: two ``(H, W, 3)`` uint8 RGB arrays of one size, C-contiguous.

        May be called from several threads. The arrays may be shared: copy before writing to them.

        Raises:
            DataError: a picture can't be decoded; the message names the file.
            IndexError: ``index`` is not in ``0 ≤ index < len(self)``.
        """


def open_data(spec: DataSpec, split: Split) -> PairSource:
    """The pairs of one split of a calibration set.

    Everything wrong with the set that shows without decoding it (missing folders, names without a
    partner, sizes that differ, formats that aren't RGB) is found here.

    Raises:
        DataError: one line that names the folder or file and what to do.
    """
    if spec.kind == "embedded":
        from compress.data.embedded import open_embedded

        return open_embedded(spec, split)
    from compress.data.paired import open_paired

    return open_paired(spec, split)


def spread(total: int, count: int) -> range:
    """Places of ``count`` of ``total`` things at equal distances, all of them where there are fewer."""
    return range(0, total, max(1, total // count))[:count]


def data_digest(spec: DataSpec) -> str:
    """SHA-256 (hex) over the name and content of every file of all splits.

    The same pictures elsewhere have the same digest; one changed byte or name gives another. For the
    embedded photographs the version of the camera model counts too.

    Raises:
        DataError: the set is missing, can't be read, or its names don't pair up.
    """
    from compress.data.pictures import content_digest
    from compress.store.digests import digest_of

    if spec.kind == "embedded":
        from compress.data.embedded import PICTURES_VERSION, embedded_files
        from compress.tasks import task_of

        files, version = embedded_files(spec), PICTURES_VERSION + task_of(spec).mark
    else:
        from compress.data.paired import paired_files

        files, version = paired_files(spec), ""
    return digest_of({"files": {name: content_digest(path) for name, path in files.items()}, "version": version})


def data_identity(spec: DataSpec) -> dict[str, Any]:
    """What enters a stage's key of a calibration set: its settings and ``data_digest``, wherever the folder lies."""
    return {**spec.identity(), "digest": data_digest(spec)}


def decoder_name() -> str:
    """What decodes the pictures, for the report, for instance ``Pillow 13.0.0``."""
    import PIL

    return f"Pillow {PIL.__version__}"
