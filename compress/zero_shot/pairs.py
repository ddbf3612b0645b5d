"""What one picture has to teach: itself, and what its kernel makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from compress.data.source import PairSource
from compress.degradation.kernel import Taps, shrunk
from compress.models.enhance import to_picture, to_tensor

if TYPE_CHECKING:
    from compress.data.source import Pair, Picture

_DRAWS = 4
"""Of noise."""


def degraded(picture: Picture, taps: Taps, scale: int, noise: float, seed: int) -> Picture:
    """``picture`` (H, W, 3) uint8, H and W multiples of ``scale``, as the camera would have given it ``scale`` times
    smaller: shrunk by ``taps``, with white noise of deviation ``noise`` in [0, 1], rounded."""
    small = shrunk(to_tensor(picture), taps, scale)
    generator = torch.Generator().manual_seed(seed)
    return to_picture(small + noise * torch.randn(small.shape, generator=generator))


class OwnPairs(PairSource):
    """(x_d, x): the picture shrunk by ``taps``, and itself, cut to multiples of 2 ``scale``; a pair for each of four
    draws of noise, one without noise."""

    def __init__(self, picture: Picture, taps: Taps, scale: int, noise: float, seed: int) -> None:
        draws = _DRAWS if noise else 1
        self.names = tuple(f"itself-{draw}" for draw in range(draws))
        self.scenes = ("itself",) * draws
        height, width = (side // (2 * scale) * 2 * scale for side in picture.shape[:2])
        high = np.ascontiguousarray(picture[:height, :width])
        self._pairs = [(degraded(high, taps, scale, noise, seed + draw), high) for draw in range(draws)]

    def pair(self, index: int) -> Pair:
        return self._pairs[index]
