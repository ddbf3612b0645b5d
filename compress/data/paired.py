"""A folder of pairs: ``root/train/{low,high}`` and ``root/test/{low,high}``, matched by file name.

A training set often shows one scene under several exposures. Validation therefore takes whole scenes,
or a network would be judged on scenes it was trained on. A scene here is one ``high`` file, byte for
byte (in LOL-v1, 31 of them serve 72 pairs); the same view lit twice by two ``high`` files counts as two.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.cache import CachedPairs
from compress.data.pictures import SUFFIXES, content_digest, picture_size, pixel_digest, read_picture
from compress.errors import DataError
from compress.tasks import ENHANCE, picture_task_of

if TYPE_CHECKING:
    from compress.data.source import Pair, Split
    from compress.schema import DataSpec
    from compress.tasks.picture import PictureTask

_SHOWN = 3  # names listed in a message before "and N more"


@dataclass(frozen=True)
class PairFiles:
    """Where one pair lies."""

    name: str
    low: Path
    high: Path


def open_paired(spec: DataSpec, split: Split) -> CachedPairs:
    """The pairs of one split of a folder. Reads the header of every file, and decodes all once, to compare the pixels
    of what is trained on with those of the test part.

    Training and validation share ``spec.memory_mib`` in proportion to their pairs, for both are open
    during training.

    Raises:
        DataError: see :func:`compress.data.source.open_data`; or a test picture is also in the training part.
    """
    budget_bytes = spec.memory_mib * 2**20
    task = picture_task_of(spec)
    folder = _root(spec) / (spec.test if split == "test" else spec.train)
    pairs = list_pairs(folder, spec.exclude if split != "test" else (), task)
    scenes = _scenes(pairs)
    if split != "test":
        _refuse_leak(spec, pairs, scenes)
        chosen = validation_scenes(frozenset(scenes), spec.val_fraction, where=str(folder))
        kept = [index for index, scene in enumerate(scenes) if (scene in chosen) == (split == "val")]
        budget_bytes = budget_bytes * len(kept) // len(pairs)
        pairs, scenes = tuple(pairs[i] for i in kept), tuple(scenes[i] for i in kept)
    for pair in pairs:
        _check_sizes(pair, task)
    names = tuple(pair.name for pair in pairs)
    return CachedPairs(names, scenes, lambda index: _decode(pairs[index], task), budget_bytes)


def paired_files(spec: DataSpec) -> dict[str, Path]:
    """Every picture of all splits, by its name relative to the root.

    Raises:
        DataError: a folder is missing or empty, or names have no partner.
    """
    root = _root(spec)
    if (root / spec.train).resolve() == (root / spec.test).resolve():
        raise DataError(f"{root / spec.train}: is both data.train and data.test; test pictures must not be trained on")
    task = picture_task_of(spec)
    parts = (list_pairs(root / spec.train, spec.exclude, task), list_pairs(root / spec.test, (), task))
    paths = [path for pairs in parts for pair in pairs for path in (pair.low, pair.high)]
    return {path.relative_to(root).as_posix(): path for path in paths}


def list_pairs(folder: Path, exclude: tuple[str, ...] = (), task: PictureTask = ENHANCE) -> tuple[PairFiles, ...]:
    """Pairs with an equal stem in ``folder/low`` and ``folder/high``, or as the task calls them; sorted by name.

    Raises:
        DataError: a folder is missing or empty, a stem occurs twice or has no partner, or an
            excluded name doesn't exist.
    """
    below, above = _sides(folder, task)
    low, high = _by_stem(folder / below), _by_stem(folder / above)
    unknown = [name for name in exclude if name not in low and name not in high]
    if unknown:
        raise DataError(f"{folder}: exclude names {_some(unknown)}, but there is no such pair")
    names = sorted((low.keys() | high.keys()) - set(exclude))
    no_high = [name for name in names if name not in high]
    no_low = [name for name in names if name not in low]
    if no_high or no_low:
        parts = [f"{len(no_high)} in {below}/ lack a partner in {above}/ ({_some(no_high)})" if no_high else ""]
        parts += [f"{len(no_low)} in {above}/ lack a partner in {below}/ ({_some(no_low)})" if no_low else ""]
        raise DataError(f"{folder}: {' and '.join(filter(None, parts))}; a pair needs the same name on both sides")
    if not names:
        raise DataError(f"{folder}: every pair is excluded, none is left")
    return tuple(PairFiles(name, low[name], high[name]) for name in names)


def validation_scenes(scenes: frozenset[str], fraction: float, where: str) -> frozenset[str]:
    """Which scenes are kept for validation: those whose salted hash comes first.

    The choice depends on the pictures alone, not on file names or on their order.

    Raises:
        DataError: there are too few scenes to keep one back.
    """
    if fraction == 0:
        return frozenset()
    if len(scenes) < 2:
        raise DataError(f"{where}: {len(scenes)} scene can't be split; add pairs or set data.val_fraction=0")
    ranked = sorted(scenes, key=lambda scene: hashlib.sha256(f"validation:{scene}".encode()).digest())
    return frozenset(ranked[: max(1, round(fraction * len(scenes)))])


def _sides(folder: Path, task: PictureTask) -> tuple[str, str]:
    """What the folders of low and high are called there: the task's own names first."""
    there = (names for names in task.folders if all((folder / name).is_dir() for name in names))
    return next(there, task.folders[0])


def _decode(files: PairFiles, task: PictureTask) -> Pair:
    low, high = read_picture(files.low), read_picture(files.high)
    # the header check can miss a PNG whose rotation tag comes last
    _compare_sizes(files, low.shape[:2], high.shape[:2], task)
    return low, high


def _check_sizes(files: PairFiles, task: PictureTask) -> None:
    """Both headers are readable, and their sizes relate as the task has it."""
    _compare_sizes(files, picture_size(files.low), picture_size(files.high), task)


def _compare_sizes(files: PairFiles, low: tuple[int, ...], high: tuple[int, ...], task: PictureTask) -> None:
    if task.high_size((low[0], low[1])) != tuple(high):
        sizes = f"{files.low}: is {low[1]}x{low[0]}, but {files.high} is {high[1]}x{high[0]}"
        raise DataError(f"{sizes}; {task.size_rule()}")


def _scenes(pairs: tuple[PairFiles, ...]) -> tuple[str, ...]:
    """The scene of each pair: the digest of its well-lit file."""
    return tuple(content_digest(pair.high) for pair in pairs)


def _refuse_leak(spec: DataSpec, pairs: tuple[PairFiles, ...], scenes: tuple[str, ...]) -> None:
    """No picture of the test part, dark or well lit, may be among those trained on, nor one with the same pixels."""
    tested = list_pairs(_root(spec) / spec.test, (), picture_task_of(spec))
    by_file = frozenset(_scenes(tested))
    leaked = [pair.name for pair, scene in zip(pairs, scenes, strict=True) if scene in by_file]
    if not leaked:
        by_pixel = frozenset(pixel_digest(path) for pair in tested for path in (pair.low, pair.high))
        leaked = [pair.name for pair in pairs if by_pixel & {pixel_digest(pair.low), pixel_digest(pair.high)}]
    if leaked:
        raise DataError(
            f"{_root(spec) / spec.train}: {spec.test} also holds the dark or the well-lit picture of {len(leaked)} "
            f"pair(s) ({_some(leaked)}); leave them out by data.exclude"
        )


def _root(spec: DataSpec) -> Path:
    if not spec.root:
        raise DataError("data.root is not set: say where the pairs lie, data.root=FOLDER")
    root = Path(spec.root).expanduser()
    if not root.is_dir():
        raise DataError(
            f"{root}: no such folder; set data.root to the folder that holds {spec.train}/ and {spec.test}/"
        )
    return root


def _by_stem(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by stem; hidden files are skipped."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; a paired set needs {folder.name}/ in each part")
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: can't be read ({error.strerror})") from error
    found: dict[str, Path] = {}
    for path in paths:
        if path.name.startswith(".") or path.suffix.lower() not in SUFFIXES:
            continue
        if path.stem in found:
            raise DataError(f"{path}: {found[path.stem].name} has the same name; keep one of them")
        found[path.stem] = path
    if not found:
        raise DataError(f"{folder}: holds no PNG, JPEG or WebP picture")
    return found


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
