"""Pairs in shards, tar files as WebDataset writes them: ``KEY.low.png`` and ``KEY.high.png`` in one shard.

They are read where they lie, in any order: a batch is decided by seed and step, which a stream could not follow.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.member import Member
from compress.data.pairs import PairFiles, PairList, paired_names, some_of
from compress.data.pictures import SUFFIXES
from compress.data.shard_index import members_of
from compress.errors import DataError

if TYPE_CHECKING:
    from compress.tasks.picture import PictureTask

SUFFIX = ".tar"
_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_DIGEST_BYTES = 32


class _Files:
    """Where files lie in shards, in columns: an object each would take ten times as much."""

    def __init__(self) -> None:
        self._shards, self._offsets, self._sizes = array("I"), array("Q"), array("Q")
        self._digests = bytearray()
        self._endings: list[str] = []

    def add(self, shard: int, ending: str, member: Member) -> None:
        """One more. ``ending``: its name behind the key, ``low.png``."""
        self._shards.append(shard)
        self._offsets.append(member.offset)
        self._sizes.append(member.size)
        self._digests += bytes.fromhex(member.digest)
        self._endings.append(sys.intern(ending))

    def ending(self, place: int) -> str:
        return self._endings[place]

    def member(self, place: int, key: str, shards: tuple[Path, ...]) -> Member:
        digest = self._digests[place * _DIGEST_BYTES : (place + 1) * _DIGEST_BYTES].hex()
        shard, name = shards[self._shards[place]], f"{key}.{self._endings[place]}"
        return Member(shard, name, self._offsets[place], self._sizes[place], digest)


class ShardPairs(PairList):
    """Pairs of members. ``places``: of low and high among ``files``, pair by pair."""

    def __init__(
        self, folder: Path, shards: tuple[Path, ...], names: list[str], files: _Files, places: Iterable[int]
    ) -> None:
        self.where, self.names = str(folder), tuple(names)
        self._shards, self._files, self._places = shards, files, array("I", places)

    def __getitem__(self, index: int) -> PairFiles:
        name = self.names[index]
        low, high = (self._files.member(place, name, self._shards) for place in self._both(index))
        return PairFiles(name, low, high)

    def labels(self, index: int) -> tuple[str, str]:
        """As those of the same pictures in folders."""
        parts = (self._files.ending(place).split(".") for place in self._both(index))
        low, high = (f"{side}/{self.names[index]}.{suffix}" for side, suffix in parts)
        return low, high

    def _both(self, index: int) -> array[int]:
        return self._places[2 * index : 2 * index + 2]


def shards_in(folder: Path) -> tuple[Path, ...]:
    """The tar files of a folder, by name; () where there is none.

    Raises:
        DataError: there are compressed ones, or there are folders of pictures, too.
    """
    if not folder.is_dir():
        return ()
    try:
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: can't be read ({error.strerror})") from error
    packed = [path.name for path in files if path.name.lower().endswith(_COMPRESSED)]
    if packed:
        raise DataError(f"{folder}: {some_of(packed)} compressed; unpack to plain .tar, pictures are compressed anyway")
    shards = tuple(path for path in files if path.suffix.lower() == SUFFIX)
    folders = [path.name for path in files if path.is_dir()]
    if shards and folders:
        raise DataError(f"{folder}: holds shards (.tar) and folders ({some_of(folders)}); keep one of both")
    return shards


def list_shards(folder: Path, shards: tuple[Path, ...], exclude: tuple[str, ...], task: PictureTask) -> ShardPairs:
    """The pairs of all ``shards`` in ``folder``, which are read through the first time.

    Raises:
        DataError: a shard is damaged, a name is none of a pair's, occurs twice, or has no partner in its shard, or an
            excluded name doesn't exist.
    """
    sides = {name: side for names in task.folders for side, name in enumerate(names)}
    files, count = _Files(), 0
    places: tuple[dict[str, int], dict[str, int]] = {}, {}
    shard_of: dict[str, int] = {}
    for number, shard in enumerate(shards):
        for member in members_of(shard):
            key, ending, side = _parsed(member, sides)
            if key in places[side]:
                raise DataError(f"{member}: {_again(key, shards[shard_of[key]], shard)}; a key is there once")
            if shard_of.setdefault(key, number) != number:
                first = shards[shard_of[key]].name
                raise DataError(f"{member}: its partner lies in {first}; both belong into one shard")
            files.add(number, ending, member)
            places[side][key] = count
            count += 1
    if not count:
        raise DataError(f"{folder}: its shards hold no picture")
    names = paired_names(str(folder), task.folders[0], set(places[0]), set(places[1]), exclude)
    both = (place for name in names for place in (places[0][name], places[1][name]))
    return ShardPairs(folder, shards, names, files, both)


def _parsed(member: Member, sides: dict[str, int]) -> tuple[str, str, int]:
    """Key, what follows it, and 0 for low or 1 for high. As in WebDataset, the key ends at the first dot."""
    key, _, ending = member.name.partition(".")
    side, _, suffix = ending.partition(".")
    if "/" in member.name or not key or side not in sides or f".{suffix}".lower() not in SUFFIXES:
        wanted = " or ".join(f"KEY.{name}" for name in sides)
        raise DataError(
            f"{member}: no name of a picture of a pair; that is {wanted}, in no folder and KEY without a dot, "
            f"then {', '.join(SUFFIXES)}"
        )
    return key, ending, sides[side]


def _again(key: str, first: Path, shard: Path) -> str:
    return f"{key} is in this shard twice" if first == shard else f"{key} is also in {first.name}"
