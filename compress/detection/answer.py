"""What a network with two heads says of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compress.metrics.detection import Boxes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class PictureAndBoxes:
    """The enhanced picture, uint8 (H, W, 3) RGB, and what is in it."""

    picture: NDArray[np.uint8]
    boxes: Boxes
