"""What a whole picture looks like from afar: block means, and the noise in them.

Networks that judge the exposure of a whole picture look at this. Trained on a cut or a shrunk copy, they get it from
here, worked out once a picture; used on full frames, they work out the same themselves (``models/brighten.py``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STRIDE = 8
"""Full-size pixels on the side of a block."""

GRAIN_FLOOR = 1e-8
"""Added to the mean square, so that the root has a slope everywhere."""


@dataclass(frozen=True)
class Overview:
    """Of a pair of pictures: block means of both, grain of the dark one; float32 (H/8, W/8, 3) in [0, 1]."""

    dark: NDArray[np.float32]
    grain: NDArray[np.float32]
    bright: NDArray[np.float32]


def overview(dark: NDArray[np.uint8], bright: NDArray[np.uint8]) -> Overview:
    """Of two uint8 (H, W, 3) pictures; what does not fill a block on the right and below is left out.

    Grain is the root mean square of the diagonal differences of 2x2 pixels: Haar's diagonal coefficient, which holds
    noise more than picture (Donoho & Johnstone, Biometrika 1994).
    """
    seen = _whole_blocks(dark)
    diagonal = (seen[0::2, 0::2] - seen[0::2, 1::2] - seen[1::2, 0::2] + seen[1::2, 1::2]) * np.float32(0.25)
    grain = np.sqrt(_means(diagonal * diagonal, STRIDE // 2) + np.float32(GRAIN_FLOOR))
    return Overview(_means(seen, STRIDE), grain, _means(_whole_blocks(bright), STRIDE))


def _whole_blocks(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    height, width = (side // STRIDE * STRIDE for side in picture.shape[:2])
    return picture[:height, :width].astype(np.float32) * np.float32(1 / 255)


def _means(values: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    rows, columns, channels = values.shape
    blocks = values.reshape(rows // side, side, columns // side, side, channels)
    means: NDArray[np.float32] = blocks.mean((1, 3))
    return means
