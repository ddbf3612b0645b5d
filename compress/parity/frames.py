"""The pictures that all builds get: real ones with ground truth, or a bundle's golden frames without."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import DataError

if TYPE_CHECKING:
    from compress.data.source import Picture, Split
    from compress.schema import DataSpec


@dataclass(frozen=True)
class Frame:
    """A dark picture (H, W, 3) uint8 RGB, and what it shows when well lit, where that is known."""

    name: str
    dark: Picture
    truth: Picture | None

    def fitted(self, height: int, width: int) -> Frame:
        """The frame for a build that takes this size only: cut, or its border repeated; the truth likewise."""
        from compress.data.pictures import fit

        scale = 1 if self.truth is None else self.truth.shape[0] // self.dark.shape[0]
        truth = None if self.truth is None else fit(self.truth, scale * height, scale * width)
        return Frame(self.name, fit(self.dark, height, width), truth)


@dataclass(frozen=True)
class Frames:
    """Some frames, decoded by ``frame`` when asked for, so that a large set needs no memory.

    ``kind`` and ``digest`` say which they are. ``frame`` raises DataError, naming the file, where it can't be decoded.
    """

    kind: str
    digest: str
    names: tuple[str, ...]
    frame: Callable[[int], Frame]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Frame]:
        return (self.frame(index) for index in range(len(self)))


def data_frames(spec: DataSpec, split: Split, limit: int | None) -> Frames:
    """The first ``limit`` pairs of a split, all where that is None. Raises DataError for a set that can't be used."""
    from compress.data.source import data_digest, open_source

    if spec.kind == "frames":
        return _without_truth(spec, split, limit)
    source = open_source(spec, split)
    names = source.names[:limit]
    if not names:
        raise DataError(f"the {split} split has no pictures")

    def frame(index: int) -> Frame:
        dark, truth = source.pair(index)
        return Frame(names[index], dark, _picture_in(truth))

    return Frames(spec.kind, data_digest(spec), names, frame)


def _picture_in(truth: Any) -> Picture | None:
    """The well-lit picture in what is true of a frame; boxes alone have none."""
    import numpy as np

    shown: Picture | None = truth if isinstance(truth, np.ndarray) else getattr(truth, "picture", None)
    return shown


def _without_truth(spec: DataSpec, split: Split, limit: int | None) -> Frames:
    """Frames of a folder or video; what is decoded out of a video lies in a temporary folder meanwhile."""
    from compress.data.chosen import choose_frames
    from compress.data.pictures import read_picture
    from compress.data.source import data_digest

    folder = tempfile.mkdtemp(prefix="compress-frames-")

    def frame(index: int) -> Frame:
        return Frame(chosen[index].name, read_picture(chosen[index].path), None)

    weakref.finalize(frame, shutil.rmtree, folder, ignore_errors=True)  # it stays as long as somebody may ask
    chosen = [each for each in choose_frames(spec, Path(folder), _silent).frames if each.split == split][:limit]
    if not chosen:
        raise DataError(f"the {split} split has no pictures")
    return Frames(spec.kind, data_digest(spec), tuple(each.name for each in chosen), frame)


def _silent(line: str) -> None:
    """What a video lacks was said when it was trained on."""


def golden_frames(bundle: Path, limit: int | None) -> Frames:
    """The input pictures of a bundle's golden frames. Raises DataError where it has none."""
    from compress.bundle.golden import GOLDEN, GoldenFile
    from compress.store.digests import file_digest

    listed = bundle / GOLDEN / "golden.json"
    if not listed.is_file():
        raise DataError(f"{bundle}: no {GOLDEN}/golden.json, so it has no golden frames; leave out --golden")
    names = tuple(frame.input for frame in GoldenFile.read(listed).frames)[:limit]

    def frame(index: int) -> Frame:
        return Frame(names[index], _read_golden(bundle / names[index]), None)

    return Frames("golden", file_digest(listed), names, frame)


def _read_golden(path: Path) -> Picture:
    from compress.bundle.golden import read_png

    try:
        return read_png(path)
    except OSError as error:
        raise DataError(f"{path}: can't be decoded: {error}") from None
