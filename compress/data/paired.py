"""A set of pairs: ``root/train`` and ``root/test``, each two folders matched by file name, or shards.

A training set often shows one scene under several exposures. Validation therefore takes whole scenes,
or a network would be judged on scenes it was trained on. A scene here is one ``high`` file, byte for
byte (in LOL-v1, 31 of them serve 72 pairs); the same view lit twice by two ``high`` files counts as two.
"""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.cache import CachedPairs
from compress.data.known import Identified, content_digests, picture_sizes, pixel_digests
from compress.data.pair_folder import list_folder
from compress.data.pair_shards import list_shards, shards_in
from compress.data.pairs import PairFiles, PairList, some_of
from compress.data.pictures import read_picture
from compress.errors import DataError
from compress.tasks import ENHANCE, picture_task_of

if TYPE_CHECKING:
    from compress.data.member import PictureFile
    from compress.data.source import Pair, Split
    from compress.schema import DataSpec
    from compress.tasks.picture import PictureTask

_DIGEST_BYTES = 32


def open_paired(spec: DataSpec, split: Split) -> CachedPairs:
    """The pairs of one split. The first time the header of every file is read, and all are decoded once, to compare
    the pixels of what is trained on with those of the test part; both is remembered by the files' contents.

    Training and validation share ``spec.memory_mib`` in proportion to their pairs, for both are open
    during training.

    Raises:
        DataError: see :func:`compress.data.source.open_data`; or a test picture is also in the training part.
    """
    budget_bytes = spec.memory_mib * 2**20
    task = picture_task_of(spec)
    folder = _root(spec) / (spec.test if split == "test" else spec.train)
    pairs = _Identified(list_pairs(folder, spec.exclude if split != "test" else (), task))
    scenes = pairs.scenes()
    kept = array("I", range(len(scenes)))
    if split != "test":
        _refuse_leak(spec, pairs, scenes)
        chosen = validation_scenes(frozenset(scenes), spec.val_fraction, where=str(folder))
        kept = array("I", [index for index, scene in enumerate(scenes) if (scene in chosen) == (split == "val")])
        budget_bytes = budget_bytes * len(kept) // len(scenes)
    _check_sizes(pairs, kept, task)
    listed = pairs.listed
    names, scenes = tuple(listed.names[i] for i in kept), tuple(scenes[i] for i in kept)
    return CachedPairs(names, scenes, lambda index: _decode(listed[kept[index]], task), budget_bytes)


class _Identified:
    """Pairs with the contents of all of their files, 64 bytes a pair."""

    def __init__(self, listed: PairList) -> None:
        self.listed = listed
        self._contents = b"".join(map(bytes.fromhex, content_digests(listed.files(range(len(listed))))))

    def scenes(self) -> tuple[str, ...]:
        """The scene of each pair: the digest of its well-lit file, one text for all that share it."""
        return tuple(sys.intern(self._content(2 * index + 1).hex()) for index in range(len(self.listed)))

    def files(self, indices: Sequence[int]) -> Iterator[Identified]:
        """Low and high of each of these pairs in turn."""
        places = (2 * index + side for index in indices for side in (0, 1))
        return zip(self.listed.files(indices), map(self._content, places), strict=True)

    def _content(self, place: int) -> bytes:
        return self._contents[_DIGEST_BYTES * place : _DIGEST_BYTES * (place + 1)]


def paired_files(spec: DataSpec) -> Iterator[tuple[str, PictureFile]]:
    """Every picture of all splits, with its name relative to the root; in shards, that which it has in folders.

    Raises:
        DataError: a folder is missing or empty, or names have no partner.
    """
    root = _root(spec)
    if (root / spec.train).resolve() == (root / spec.test).resolve():
        raise DataError(f"{root / spec.train}: is both data.train and data.test; test pictures must not be trained on")
    task = picture_task_of(spec)
    for part, exclude in ((spec.train, spec.exclude), (spec.test, ())):
        pairs = list_pairs(root / part, exclude, task)
        for index, pair in enumerate(pairs):
            for label, file in zip(pairs.labels(index), (pair.low, pair.high), strict=True):
                yield (Path(part) / label).as_posix(), file


def list_pairs(folder: Path, exclude: tuple[str, ...] = (), task: PictureTask = ENHANCE) -> PairList:
    """The pairs of one part, in shards where there are any, else in two folders; sorted by name.

    Raises:
        DataError: as :func:`compress.data.pair_folder.list_folder` and :func:`compress.data.pair_shards.list_shards`.
    """
    shards = shards_in(folder)
    return list_shards(folder, shards, exclude, task) if shards else list_folder(folder, exclude, task)


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


def _decode(files: PairFiles, task: PictureTask) -> Pair:
    low, high = read_picture(files.low), read_picture(files.high)
    # the header check can miss a PNG whose rotation tag comes last
    _compare_sizes(files, low.shape[:2], high.shape[:2], task)
    return low, high


def _check_sizes(pairs: _Identified, kept: Sequence[int], task: PictureTask) -> None:
    """All headers are readable, and the sizes of each pair relate as the task has it."""
    sizes = picture_sizes(pairs.files(kept))
    for index in kept:
        low, high = next(sizes), next(sizes)
        if task.high_size(low) != high:
            _compare_sizes(pairs.listed[index], low, high, task)


def _compare_sizes(files: PairFiles, low: tuple[int, ...], high: tuple[int, ...], task: PictureTask) -> None:
    if task.high_size((low[0], low[1])) != tuple(high):
        sizes = f"{files.low}: is {low[1]}x{low[0]}, but {files.high} is {high[1]}x{high[0]}"
        raise DataError(f"{sizes}; {task.size_rule()}")


def _refuse_leak(spec: DataSpec, pairs: _Identified, scenes: tuple[str, ...]) -> None:
    """No picture of the test part, dark or well lit, may be among those trained on, nor one with the same pixels."""
    tested = _Identified(list_pairs(_root(spec) / spec.test, (), picture_task_of(spec)))
    by_file, names = frozenset(tested.scenes()), pairs.listed.names
    leaked = [name for name, scene in zip(names, scenes, strict=True) if scene in by_file]
    if not leaked:
        by_pixel = frozenset(pixel_digests(tested.files(range(len(tested.listed)))))
        pixels = pixel_digests(pairs.files(range(len(names))))
        leaked = [name for name in names if not by_pixel.isdisjoint((next(pixels), next(pixels)))]
    if leaked:
        raise DataError(
            f"{_root(spec) / spec.train}: {spec.test} also holds the dark or the well-lit picture of {len(leaked)} "
            f"pair(s) ({some_of(leaked)}); leave them out by data.exclude"
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
