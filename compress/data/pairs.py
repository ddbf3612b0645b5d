"""Pairs of a part of a set, listed: names in memory, places made when asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from compress.data.member import PictureFile
from compress.errors import DataError

_SHOWN = 3  # names listed in a message before "and N more"


@dataclass(frozen=True)
class PairFiles:
    """Where one pair lies."""

    name: str
    low: PictureFile
    high: PictureFile


class PairList(ABC):
    """Pairs sorted by name. A hundred thousand of them take little more than their names.

    ``where`` they lie, for messages.
    """

    where: str
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[PairFiles]:
        return map(self.__getitem__, range(len(self.names)))

    @abstractmethod
    def __getitem__(self, index: int) -> PairFiles: ...

    @abstractmethod
    def labels(self, index: int) -> tuple[str, str]:
        """What a digest calls the two files, whatever they lie in: ``low/a.png``, ``high/a.png``."""

    def files(self, indices: Iterable[int]) -> Iterator[PictureFile]:
        """Low and high of each of these pairs in turn."""
        for index in indices:
            pair = self[index]
            yield pair.low
            yield pair.high


def paired_names(
    where: str, sides: tuple[str, str], low: set[str], high: set[str], exclude: tuple[str, ...]
) -> list[str]:
    """The names that both sides have, sorted, without the excluded ones.

    Raises:
        DataError: a name has no partner, an excluded one doesn't exist, or none is left.
    """
    unknown = [name for name in exclude if name not in low and name not in high]
    if unknown:
        raise DataError(f"{where}: exclude names {some_of(unknown)}, but there is no such pair")
    below, above = sides
    no_high, no_low = sorted(low - high - set(exclude)), sorted(high - low - set(exclude))
    if no_high or no_low:
        parts = [f"{len(no_high)} in {below}/ lack a partner in {above}/ ({some_of(no_high)})" if no_high else ""]
        parts += [f"{len(no_low)} in {above}/ lack a partner in {below}/ ({some_of(no_low)})" if no_low else ""]
        raise DataError(f"{where}: {' and '.join(filter(None, parts))}; a pair needs the same name on both sides")
    names = sorted(low - set(exclude))
    if not names:
        raise DataError(f"{where}: every pair is excluded, none is left")
    return names


def some_of(names: list[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
