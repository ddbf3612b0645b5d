"""What is written of the objects in a set's pictures, whatever the format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

OUTSIDE = 2e-3
"""Share of a side by which rounding may put an edge outside; such an edge is put on the picture's."""


@dataclass(frozen=True)
class Labelled:
    """One box; edges are shares of the picture's width and height, in [0, 1]."""

    label: int
    left: float
    top: float
    right: float
    bottom: float


def leaves_picture(edges: tuple[float, float, float, float]) -> bool:
    """Whether a box, left, top, right, bottom as shares of the sides, lies outside by more than rounding does."""
    return min(edges) < -OUTSIDE or max(edges) > 1 + OUTSIDE


def on_picture(label: int, edges: tuple[float, float, float, float]) -> Labelled:
    """The box of such edges, each put into the picture."""
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in edges)
    return Labelled(label, left, top, right, bottom)


@dataclass(frozen=True)
class Marks:
    """All that is written of one picture.

    ``groups``: classes some of whose objects are marked together, so that not each one has a box; ``size``: height and
    width that the boxes were made for, None where the format does not say.
    """

    boxes: tuple[Labelled, ...]
    groups: frozenset[int] = frozenset()
    size: tuple[int, int] | None = None


class BoxLabels(ABC):
    """The boxes of a set. Every method and property raises DataError, with file and item."""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """Class names, by number."""

    @property
    @abstractmethod
    def where(self) -> Path:
        """The file or folder that they lie in, for messages."""

    @abstractmethod
    def stems(self) -> frozenset[str]:
        """The pictures, by stem, of which something is written, also that there is no object."""

    @abstractmethod
    def read(self, stem: str) -> Marks:
        """What is written of one of them."""

    @abstractmethod
    def files(self, stems: tuple[str, ...]) -> tuple[Path, ...]:
        """The files that decide classes and boxes of these pictures."""
