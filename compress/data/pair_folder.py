"""Pairs in two folders, ``low/`` and ``high/`` or as the task calls them, matched by file name."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.pairs import PairFiles, PairList, paired_names
from compress.data.pictures import SUFFIXES
from compress.errors import DataError

if TYPE_CHECKING:
    from compress.tasks.picture import PictureTask


class FolderPairs(PairList):
    """Pairs of files. ``suffixes``: of low and high, by name."""

    def __init__(
        self, folder: Path, sides: tuple[str, str], names: list[str], suffixes: tuple[dict[str, str], dict[str, str]]
    ) -> None:
        self.where, self.names = str(folder), tuple(names)
        self._sides, self._low_folder, self._high_folder = sides, folder / sides[0], folder / sides[1]
        self._low, self._high = (tuple(by_name[name] for name in names) for by_name in suffixes)

    def __getitem__(self, index: int) -> PairFiles:
        name = self.names[index]
        low, high = self._low_folder / (name + self._low[index]), self._high_folder / (name + self._high[index])
        return PairFiles(name, low, high)

    def labels(self, index: int) -> tuple[str, str]:
        name, (below, above) = self.names[index], self._sides
        return f"{below}/{name}{self._low[index]}", f"{above}/{name}{self._high[index]}"


def list_folder(folder: Path, exclude: tuple[str, ...], task: PictureTask) -> FolderPairs:
    """Pairs with an equal stem in ``folder/low`` and ``folder/high``, or as the task calls them.

    Raises:
        DataError: a folder is missing or empty, a stem occurs twice or has no partner, or an
            excluded name doesn't exist.
    """
    there = (names for names in task.folders if all((folder / name).is_dir() for name in names))
    sides = next(there, task.folders[0])
    low, high = (_suffix_by_stem(folder / side) for side in sides)
    return FolderPairs(folder, sides, paired_names(str(folder), sides, set(low), set(high), exclude), (low, high))


def _suffix_by_stem(folder: Path) -> dict[str, str]:
    """The suffixes of a folder's pictures; hidden files are skipped."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; a paired set needs {folder.name}/ in each part, or shards (.tar)")
    try:
        files = sorted(os.listdir(folder))
    except OSError as error:
        raise DataError(f"{folder}: can't be read ({error.strerror})") from error
    found: dict[str, str] = {}
    for file in files:
        stem, suffix = os.path.splitext(file)
        if file.startswith(".") or suffix.lower() not in SUFFIXES:
            continue
        if stem in found:
            raise DataError(f"{folder / file}: {stem}{found[stem]} has the same name; keep one of them")
        found[stem] = sys.intern(suffix)
    if not found:
        raise DataError(f"{folder}: holds no PNG, JPEG or WebP picture")
    return found
