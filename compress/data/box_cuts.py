"""A part of a picture with boxes, brought to the size of the whole: objects nearer than they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compress.detection.truth import BoxTruth
from compress.metrics.detection import Boxes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

LEAST_SEEN = 0.3
"""Share of a box that has to be inside of the part; of less nobody could say what it is."""


@dataclass(frozen=True)
class Window:
    """A part of a picture, in shares of its sides: ``side`` of both, from ``left`` and ``top``."""

    left: float
    top: float
    side: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, least: float) -> Window:
        """Sides of ``least`` to 1 of the picture's, anywhere."""
        side = float(rng.uniform(least, 1.0))
        left, top = (float(each) * (1.0 - side) for each in rng.random(2))
        return cls(left, top, side)


def cut(picture: Picture, truth: BoxTruth, window: Window) -> tuple[Picture, BoxTruth]:
    """The part of a picture (H, W, 3) uint8 at its size, and the boxes in it, ended at its edges.

    Boxes of which less than ``LEAST_SEEN`` is left are taken out.
    """
    import numpy as np
    from PIL import Image

    height, width = picture.shape[:2]
    left, top = window.left * width, window.top * height
    part = (left, top, left + window.side * width, top + window.side * height)
    larger = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR, box=part)
    moved = (truth.boxes.corners - (left, top, left, top)) / window.side
    inside = np.clip(moved, 0, (width, height, width, height))
    seen = _areas(inside) >= LEAST_SEEN * _areas(moved)
    boxes = Boxes(inside[seen], truth.boxes.labels[seen], truth.boxes.scores[seen])
    return np.asarray(larger, np.uint8), BoxTruth(boxes, truth.labelled)


def _areas(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    areas: NDArray[np.float64] = (corners[:, 2] - corners[:, 0]) * (corners[:, 3] - corners[:, 1])
    return areas
