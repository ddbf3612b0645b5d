"""Where to look: the square of the ground truth that has most detail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.looks.records import Box

if TYPE_CHECKING:
    from compress.data.source import Picture

SIDE = 192
"""Pixels: a face or a line of print fits, and a crop of noisy colour is some 70 KB."""
_STEP = 16


def detail_box(truth: Picture, side: int = SIDE) -> Box:
    """The box with the largest sum of gradient magnitudes, of all boxes on a grid of 16 pixels.

    ``truth``: (H, W, 3) uint8. Nothing but it decides, in whole numbers, so the crops of two runs lie over each other
    on every machine. Of equal ones the topmost, then the leftmost; clipped to the picture.
    """
    import numpy as np

    light = truth.astype(np.int64).sum(axis=2)
    magnitude = np.zeros_like(light)
    magnitude[:-1] += np.abs(np.diff(light, axis=0))
    magnitude[:, :-1] += np.abs(np.diff(light, axis=1))
    total = np.pad(magnitude.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    height, width = min(side, truth.shape[0]), min(side, truth.shape[1])
    tops, lefts = (_starts(length, cut) for length, cut in zip(truth.shape, (height, width), strict=False))
    rows, columns = np.asarray(tops)[:, None], np.asarray(lefts)[None]
    sums = total[rows + height, columns + width] - total[rows, columns + width]
    sums += total[rows, columns] - total[rows + height, columns]
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    return Box(top=tops[int(row)], left=lefts[int(column)], height=height, width=width)


def _starts(length: int, cut: int) -> list[int]:
    """Places on the grid at which ``cut`` pixels still fit, and the last one that does."""
    return sorted({*range(0, length - cut + 1, _STEP), length - cut})
