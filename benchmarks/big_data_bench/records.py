"""``big_data.json``: what sets of pairs cost to open and to train on, and where that was measured."""

from __future__ import annotations

from big_data_bench.pictures import Layout
from compress.reading import Reading
from compress.records import Record

FLAT = 1.25
"""The memory of the larger set over that of the smaller one, at most, to be called flat."""


class Session(Record):
    """One process. ``digest_s``: name and content of every file; ``open_s``: training and validation part.

    ``peak_bytes``: its memory at the most, Python and torch included. ``reading``: None where it did not train.
    """

    digest: str
    digest_s: float
    open_s: float
    peak_bytes: int
    reading: Reading | None = None


class Cell(Record):
    """A set in one layout: the first process that ever saw it, and the next one, which trained on it."""

    layout: Layout
    pairs: int
    first: Session
    second: Session


class BigDataFile(Record):
    """All that a run found."""

    command: str
    commit: str
    machine: str
    load_before: float
    load_after: float
    side: int
    batch: int
    memory_mib: int
    cells: tuple[Cell, ...]

    def growth(self, layout: Layout) -> float:
        """Peak memory of the largest set over that of the smallest, of the processes that trained."""
        small, large = self._ends(layout)
        return large.second.peak_bytes / small.second.peak_bytes

    def bytes_a_pair(self, layout: Layout) -> float:
        """By which it grows from the smallest set to the largest."""
        small, large = self._ends(layout)
        return (large.second.peak_bytes - small.second.peak_bytes) / max(1, large.pairs - small.pairs)

    def _ends(self, layout: Layout) -> tuple[Cell, Cell]:
        found = sorted((cell for cell in self.cells if cell.layout == layout), key=lambda cell: cell.pairs)
        return found[0], found[-1]
