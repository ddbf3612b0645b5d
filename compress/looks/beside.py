"""Before and after in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compress.looks.box import detail_box

if TYPE_CHECKING:
    from compress.data.source import Picture

_GAP_PX = 8


def side_by_side(before: Picture, after: Picture) -> Picture:
    """The cut of ``before`` that has most detail, 192 pixels a side at most, and the same of ``after`` on its right.

    Both (H, W, 3) uint8 of one size; between them lies white.
    """
    box = detail_box(before)
    inside = (slice(box.top, box.top + box.height), slice(box.left, box.left + box.width))
    gap = np.full((box.height, _GAP_PX, 3), 255, np.uint8)
    return np.hstack((before[inside], gap, after[inside]))
