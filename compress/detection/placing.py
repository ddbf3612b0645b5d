"""Pictures of any size brought to one, and their boxes moved along."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Corners = NDArray[np.float64]

Fit = Literal["letterbox", "stretch"]
_GREY = 114
"""What a letterbox is filled up with, as detectors are commonly trained."""


@dataclass(frozen=True)
class Placing:
    """Where a picture lies in a larger one: (x, y) of it is at (``left`` + x * ``across``, ``top`` + y * ``down``)."""

    left: int
    top: int
    width: int
    height: int
    across: float
    down: float

    def moved(self, corners: Corners) -> Corners:
        """Boxes (N, 4) of the picture, in pixels of the larger one."""
        import numpy as np

        factors, shifts = (self.across, self.down) * 2, (self.left, self.top) * 2
        return np.asarray(corners * factors + shifts, np.float64)

    def back(self, corners: Corners) -> Corners:
        """Boxes (N, 4) of the larger picture, in pixels of the one that lies in it."""
        import numpy as np

        factors, shifts = (self.across, self.down) * 2, (self.left, self.top) * 2
        return np.asarray((corners - shifts) / factors, np.float64)


def placing(size: tuple[int, int], wanted: tuple[int, int], fit: Fit) -> Placing:
    """How a picture of ``size`` (height, width) comes into one of the size ``wanted``.

    ``letterbox``: as large as it can be with its sides' ratio kept, in the middle; ``stretch``: over all of it.
    """
    down, across = (want / have for want, have in zip(wanted, size, strict=True))
    if fit == "stretch":
        return Placing(0, 0, wanted[1], wanted[0], across, down)
    factor = min(down, across)
    height, width = (max(1, round(side * factor)) for side in size)
    left, top = (wanted[1] - width) // 2, (wanted[0] - height) // 2
    return Placing(left, top, width, height, width / size[1], height / size[0])


def placed(picture: Picture, wanted: tuple[int, int], where: Placing) -> Picture:
    """``picture`` (h, w, 3) uint8 in one of the size ``wanted``, grey around it."""
    import numpy as np
    from PIL import Image

    if picture.shape[:2] == wanted and (where.left, where.top) == (0, 0):
        return picture
    small = Image.fromarray(picture).resize((where.width, where.height), Image.Resampling.BILINEAR)
    whole = np.full((*wanted, 3), _GREY, np.uint8)
    whole[where.top : where.top + where.height, where.left : where.left + where.width] = np.asarray(small)
    return whole
