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

_TURNS = 8
"""Each pair is another noise, and every other one lies on its side."""


def degraded(picture: Picture, taps: Taps, scale: int, noise: float, seed: int) -> Picture:
    """``picture`` (H, W, 3) uint8, H and W multiples of ``scale``, as the camera would have given it ``scale`` times
    smaller: shrunk by ``taps``, with white noise of deviation ``noise`` in [0, 1], rounded."""
    small = shrunk(to_tensor(picture), taps, scale)
    generator = torch.Generator().manual_seed(seed)
    return to_picture(small + noise * torch.randn(small.shape, generator=generator))


class OwnPairs(PairSource):
    """(x_d, x): the picture shrunk by ``taps``, and itself, cut to multiples of 2 ``scale``; 8 pairs."""

    def __init__(self, picture: Picture, taps: Taps, scale: int, noise: float, seed: int) -> None:
        self.names = tuple(f"itself-{turn}" for turn in range(_TURNS))
        self.scenes = ("itself",) * _TURNS
        height, width = (side // (2 * scale) * 2 * scale for side in picture.shape[:2])
        high = np.ascontiguousarray(picture[:height, :width])
        low = [degraded(high, taps, scale, noise, seed + turn) for turn in range(_TURNS)]
        self._pairs = [
            (np.ascontiguousarray(np.rot90(each, turn % 2)), np.ascontiguousarray(np.rot90(high, turn % 2)))
            for turn, each in enumerate(low)
        ]

    def pair(self, index: int) -> Pair:
        return self._pairs[index]
