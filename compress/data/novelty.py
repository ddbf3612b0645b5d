"""Leaving out frames that show what another has shown: equal ones teach nothing, and leak from one split to another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from compress.data.source import Picture

    Thumbnail = NDArray[np.float32]

GRID = 16
"""Blocks a side: coarse enough that a sensor's noise is averaged away, fine enough to see a person walk by."""


class Novelty:
    """Remembers a thumbnail of each frame that was kept, 3 KB each, and compares the next one with all of them."""

    def __init__(self, min_change: float) -> None:
        self._min_change = min_change
        self._kept = np.empty((64, GRID * GRID * 3), np.float32)
        self._count = 0

    def is_new(self, picture: Picture) -> bool:
        """Whether the frame is kept: its mean difference from each kept one is at least ``min_change`` of its mean.

        Relative to the brightness, for in a dark frame all differences are small; a mean below one code counts as one.
        """
        thumb = thumbnail(picture)
        if self._count and self._min_change:
            near = np.abs(self._kept[: self._count] - thumb).mean(axis=1).min()
            if near < self._min_change * max(1.0, float(thumb.mean())):
                return False
        if self._count == len(self._kept):
            self._kept = np.concatenate((self._kept, np.empty_like(self._kept)))
        self._kept[self._count] = thumb
        self._count += 1
        return True


def thumbnail(picture: Picture) -> Thumbnail:
    """Means of 16x16 blocks of ``(H, W, 3)`` uint8, sides at least 16, as one row of 768 in codes."""
    rows, columns = (np.arange(GRID) * side // GRID for side in picture.shape[:2])
    sums = np.add.reduceat(np.add.reduceat(picture, rows, axis=0, dtype=np.float64), columns, axis=1)
    heights = np.diff([*rows, picture.shape[0]])
    widths = np.diff([*columns, picture.shape[1]])
    means: Thumbnail = (sums / (heights[:, None, None] * widths[None, :, None])).astype(np.float32).ravel()
    return means
