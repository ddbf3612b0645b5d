"""Where pictures come from: one way in for every stage, whatever the calibration set is.

Each picture comes with its truth. Mostly that is a picture, too: ``low`` is what the camera saw in the dark, ``high``
is the same scene well lit, or, of frames without ground truth, what the teacher makes of it. For detection it is boxes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

from compress.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from compress.artefacts import Labels
    from compress.data.member import PictureFile
    from compress.schema import DataSpec

    Picture = NDArray[np.uint8]
    Pair = tuple[Picture, Picture]

Split = Literal["train", "val", "test"]

SPLITS: tuple[Split, ...] = ("train", "val", "test")


Truth = TypeVar("Truth", covariant=True)


class Source(ABC, Generic[Truth]):
    """Pictures of one split with their truths, in a fixed order.

    ``names`` and ``scenes`` have one entry each. Pictures with an equal scene show the same thing; a scene lies in one
    split only.
    """

    names: tuple[str, ...]
    scenes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    @abstractmethod
    def pair(self, index: int) -> tuple[Picture, Truth]:
        """The picture, ``(H, W, 3)`` uint8 RGB, C-contiguous, and its truth. As ``PairSource.pair``."""


class PairSource(Source["Picture"]):
    """Pairs of pictures. Those with an equal scene show the same well-lit picture."""

    @abstractmethod
    def pair(self, index: int) -> Pair:
        """Dark and well-lit picture: two ``(H, W, 3)`` uint8 RGB arrays of one size, C-contiguous.

        May be called from several threads. The arrays may be shared: copy before writing to them.

        Raises:
            DataError: a picture can't be decoded; the message names the file.
            IndexError: ``index`` is not in ``0 ≤ index < len(self)``.
        """


def open_source(spec: DataSpec, split: Split, labels: Labels | None = None) -> Source[Any]:
    """The pictures of one split with whatever their truth is, for those who look at the pictures, or ask the task.

    Raises DataError as ``open_data``.
    """
    if spec.kind == "boxes":
        from compress.data.boxes import BoxSource, open_folder
        from compress.tasks import task_of

        return task_of(spec).made_of(BoxSource(open_folder(spec), split))
    return open_data(spec, split, labels)


def open_data(spec: DataSpec, split: Split, labels: Labels | None = None) -> PairSource:
    """The pairs of one split of a calibration set; ``labels``: what the teacher said of frames without ground truth.

    Everything wrong with the set that shows without decoding it (missing folders, names without a
    partner, sizes that differ, formats that aren't RGB) is found here.

    Raises:
        DataError: one line that names the folder or file and what to do.
    """
    if spec.kind == "boxes":
        raise DataError(f"{spec.root}: the truth of this set is boxes, and pictures are needed here")
    if spec.kind == "embedded":
        from compress.data.embedded import open_embedded

        return open_embedded(spec, split)
    if spec.kind == "frames":
        from compress.data.labelled import open_labelled

        if labels is None:
            raise DataError(f"{spec.root}: frames have no ground truth; they are opened behind the stage label")
        return open_labelled(spec, labels, split)
    from compress.data.paired import open_paired

    return open_paired(spec, split)


def spread(total: int, count: int) -> range:
    """Places of ``count`` of ``total`` things at equal distances, all of them where there are fewer."""
    return range(0, total, max(1, total // count))[:count]


def across(total: int, count: int) -> tuple[int, ...]:
    """Places of up to ``count`` of ``total`` things from the first to the last, at distances as equal as can be."""
    count = min(total, count)
    return tuple(place * total // count for place in range(count))


def data_digest(spec: DataSpec) -> str:
    """SHA-256 (hex) over the name and content of every file of all splits.

    The same pictures elsewhere have the same digest; one changed byte or name gives another. For the
    embedded photographs the version of the camera model counts too.

    Raises:
        DataError: the set is missing, can't be read, or its names don't pair up.
    """
    from compress.store.digests import digest_of

    files: Iterable[tuple[str, PictureFile]]
    if spec.kind == "embedded":
        from compress.data.embedded import PICTURES_VERSION, embedded_files
        from compress.tasks import picture_task_of

        files, version = embedded_files(spec).items(), PICTURES_VERSION + picture_task_of(spec).mark
    elif spec.kind == "frames":
        from compress.data.scenes import scene_files

        files, version = scene_files(spec).items(), ""
    elif spec.kind == "boxes":
        from compress.data.boxes import open_folder
        from compress.tasks import task_of

        files, version = open_folder(spec).files().items(), task_of(spec).mark_of_boxes
    else:
        from compress.data.paired import paired_files

        files, version = paired_files(spec), ""
    return digest_of({"files": _digests_by_name(files), "version": version})


def _digests_by_name(files: Iterable[tuple[str, PictureFile]]) -> dict[str, str]:
    from compress.data.known import content_digests
    from compress.store.memory import some_at_once

    found: dict[str, str] = {}
    for some in some_at_once(files):
        found.update(zip((name for name, _ in some), content_digests(file for _, file in some), strict=True))
    return found


def data_identity(spec: DataSpec) -> dict[str, Any]:
    """What enters a stage's key of a calibration set: its settings and ``data_digest``, wherever the folder lies."""
    return {**spec.identity(), "digest": data_digest(spec)}


def decoder_name(*, videos: bool = False) -> str:
    """What decodes the pictures, for the report, for instance ``Pillow 13.0.0``; with ``videos`` what decodes those."""
    import PIL

    name = f"Pillow {PIL.__version__}"
    if not videos:
        return name
    from compress.data.video import decoder_name as video_decoder

    return f"{name}, {video_decoder()}"
