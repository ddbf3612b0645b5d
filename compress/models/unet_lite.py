"""A small U-Net: halved again and again from half resolution, and back up with sums in place of concatenations.

After U-Net (Ronneberger et al., MICCAI 2015) with NAFNet's sums (Chen et al., ECCV 2022), nearest resizes and no
norm. The mean of its smallest features says how bright the whole
picture is to be, so one network is both illumination and repair. Sees far more around than a plain chain does for
its MACs, and most parameters sit where the picture is small; in int8 each sum and resize costs about what a
convolution does (ADR 0002).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import (
    THUMB_STRIDE,
    PixelUnshuffleConv,
    gain_of,
    shoulder,
    start_mixing,
    start_passing_on,
    start_small,
)


class Levels(nn.Module):
    """(N, 12, H/2, W/2) to a residual in the same form, and logits (N, 3, 1, 1) of the whole picture's gain."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        self.enter = start_mixing(nn.Conv2d(12, width, 3, padding=1))
        for level in range(1, depth + 1):
            upper, lower = width << (level - 1), width << level
            self.add_module(f"down{level}", start_mixing(nn.Conv2d(upper, lower, 3, stride=2, padding=1)))
            self.add_module(f"inner{level}", start_passing_on(nn.Conv2d(lower, lower, 3, padding=1)))
            self.add_module(f"up{level}", start_small(nn.Conv2d(lower, upper, 1), 0.5))
            self.add_module(f"outer{level}", start_passing_on(nn.Conv2d(upper, upper, 3, padding=1)))
        self.code = start_mixing(nn.Conv2d(width << depth, width, 1))
        self.to_gain = nn.Conv2d(width, 3, 1)
        self.leave = start_small(nn.Conv2d(width, 12, 3, padding=1), 0.01)

    def forward(self, tone: Tensor) -> tuple[Tensor, Tensor]:
        passed = [F.relu(self.enter(tone))]
        for level in range(1, self.depth + 1):
            passed.append(self._layer("inner", level, self._layer("down", level, passed[-1])))
        features = passed.pop()
        logit = self.to_gain(F.relu(self.code(features.mean((2, 3), keepdim=True))))
        for level in range(self.depth, 0, -1):
            larger = F.interpolate(self.get_submodule(f"up{level}")(features), scale_factor=2.0, mode="nearest")
            features = self._layer("outer", level, larger + passed.pop())
        return self.leave(features), logit

    def _layer(self, name: str, level: int, features: Tensor) -> Tensor:
        return F.relu(self.get_submodule(f"{name}{level}")(features))


class UNetLite(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W multiples of 2 ** (``depth`` + 1); clipped in eval mode.

    ``thumb_stride`` changes nothing: the U-Net is its own thumbnail. So it is best trained at full size, or at half.
    """

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.settings = {"width": width, "depth": depth}
        self.size_multiple = 2 ** (depth + 1)
        self.unshuffle = PixelUnshuffleConv()
        self.levels = Levels(width, depth)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        blocks = self.unshuffle(x)
        residual, logit = self.levels(torch.sqrt(blocks + 1e-4))
        bright = shoulder(blocks * self.unshuffle.repeat(gain_of(logit)))
        y = bright + residual
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, 2)
