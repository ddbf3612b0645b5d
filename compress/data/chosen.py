"""Which frames of a folder or video are used, and for what: every n-th, none that shows what another showed, split."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.novelty import Novelty
from compress.data.pictures import picture_size, read_picture, write_png
from compress.data.scenes import Scene, list_scenes
from compress.data.stretches import FEWEST_SCENES, split_frames
from compress.data.video import read_video
from compress.errors import DataError
from compress.kept import keep

if TYPE_CHECKING:
    from compress.data.source import Picture, Split
    from compress.schema import DataSpec

EVERY_OF_VIDEO = 10
_ODD = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class ChosenFrame:
    """A frame in use. ``path``: its picture file, or, ``decoded`` out of a video, one in the folder that was given."""

    name: str
    scene: str
    split: Split
    path: Path
    decoded: bool


@dataclass(frozen=True)
class Choice:
    """``frames`` in the order of the scenes; ``how``: in words, how they were chosen and split."""

    frames: tuple[ChosenFrame, ...]
    how: str


@dataclass(frozen=True)
class _Seen:
    name: str
    scene: str
    path: Path
    decoded: bool


def choose_frames(spec: DataSpec, folder: Path, say: Callable[[str], None]) -> Choice:
    """Decode everything once, one frame at a time, and write the frames of videos that are used into ``folder`` as PNG.

    A file of the right name that is there already is kept, so that a killed run goes on. ``say`` is told of videos that
    break off. Raises DataError, one line, for what can't be read, and where a split would be empty.
    """
    scenes, novelty = list_scenes(spec), Novelty(spec.min_change)
    kept: dict[str, list[_Seen]] = {}
    looked, number = 0, 0
    for scene in scenes:
        kept[scene.name] = []
        for name, picture, path in _frames(scene, spec.every, say):
            looked += 1
            if not novelty.is_new(picture):
                continue
            if path is None:
                _write(folder / f"{number:06d}.png", picture)
            kept[scene.name].append(_Seen(name, scene.name, path or folder / f"{number:06d}.png", path is None))
            number += 1
    places = split_frames({name: len(frames) for name, frames in kept.items() if frames}, spec.val_fraction,
                          spec.test_fraction, spec.gap)  # fmt: skip
    split = [(frame, where) for name, wheres in places.items() for frame, where in zip(kept[name], wheres, strict=True)]
    for frame, where in split:
        if where is None and frame.decoded:
            frame.path.unlink()
    names = _unique([frame.name for frame, where in split if where])
    used = [(frame, where) for frame, where in split if where]
    chosen = tuple(
        ChosenFrame(name, frame.scene, where, frame.path, frame.decoded)
        for name, (frame, where) in zip(names, used, strict=True)
    )  # fmt: skip
    _check_splits(spec, chosen, looked, number)
    return Choice(chosen, _in_words(chosen, len(places), looked, number))


def _frames(scene: Scene, every: int | None, say: Callable[[str], None]) -> Iterator[tuple[str, Picture, Path | None]]:
    """Name, picture and (of a picture file) path of every n-th frame of a scene."""
    if scene.video is not None:
        for frame in read_video(scene.video, every or EVERY_OF_VIDEO, say):
            yield f"{Path(scene.name).with_suffix('')}-{frame.number:06d}", frame.picture, None
    for path in scene.pictures[:: every or 1]:
        picture_size(path)  # too small a one is told by its header
        yield (Path(scene.name) / path.stem).as_posix(), read_picture(path), path


def _write(path: Path, picture: Picture) -> None:
    if path.is_file():
        return
    part = path.with_suffix(".part")
    write_png(part, picture, compress_level=1)
    keep(part, path)


def _unique(names: list[str]) -> list[str]:
    """As file names can be; those that would be equal then get a number."""
    plain = [_ODD.sub("-", name.replace("/", "-")) for name in names]
    counts, seen, taken = Counter(plain), Counter[str](), set(plain)
    found = []
    for name in plain:
        new = name
        while counts[name] > 1 and (new == name or new in taken):
            seen[name] += 1
            new = f"{name}-{seen[name]}"
        taken.add(new)
        found.append(new)
    return found


def _check_splits(spec: DataSpec, chosen: tuple[ChosenFrame, ...], looked: int, kept: int) -> None:
    wanted: tuple[Split, ...] = ("train", "val", "test") if spec.val_fraction else ("train", "test")
    there = {frame.split for frame in chosen}
    missing = [split for split in wanted if split not in there]
    if missing:
        raise DataError(
            f"{spec.root}: {kept} of {looked} frames differ enough to be used, too few for {' and '.join(missing)}; "
            "add frames, or lower data.every, data.min_change or data.gap"
        )


def _in_words(chosen: tuple[ChosenFrame, ...], scenes: int, looked: int, kept: int) -> str:
    counts = Counter(frame.split for frame in chosen)
    shares = f"{counts['train']} to train on, {counts['val']} for validation, {counts['test']} for the test"
    of = f"{scenes} scene{'' if scenes == 1 else 's'}"
    how = "whole scenes" if scenes >= FEWEST_SCENES else "stretches of each scene, with gaps between"
    return f"{shares}; {how}, of {of}; {looked - kept} near-duplicates and {kept - len(chosen)} frames of gaps left out"
