"""Two branches after LDFC-Net: light-guided calibration, then suppression of what light disturbs.

Only the abstract of the paper is public (SCKD, Journal of Computer-Aided Design & Computer Graphics, 2024, doi
10.3724/SP.J.1089.2024-00547): one branch estimates the illumination and gives features of it, the other suppresses the
noise that brightening shows, 50 K parameters. Layers, sizes and how the one calibrates the other are our own.
Against ``light_twin``: the illumination branch hands over its features, not only a gain, and the second branch sees
the dark picture beside the brightened one. Both cost int8 time: a concatenation, a resize and a sum (ADR 0002).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import (
    THUMB_STRIDE,
    PixelUnshuffleConv,
    enlarged,
    gain_of,
    shoulder,
    spread_features,
    start_mixing,
    start_passing_on,
    start_small,
    tone_of,
)


class Calibration(nn.Module):
    """Light-guided calibration: logits of the gain (N, 3, h, w) and features of the illumination (N, width, h, w)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter = start_mixing(nn.Conv2d(9, width, 3, padding=1))
        self.local1 = start_passing_on(nn.Conv2d(width, width, 3, padding=2, dilation=2))
        self.local2 = start_passing_on(nn.Conv2d(width, width, 3, padding=4, dilation=4))
        self.hidden = start_mixing(nn.Conv2d(width, 2 * width, 1))
        self.to_local = start_small(nn.Conv2d(2 * width, width, 1), 0.1)
        self.to_gain = nn.Conv2d(2 * width, 3, 1)
        self.leave = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """``seen`` (N, 9, h, w): ``spread_features`` and ``tone_of`` of a thumbnail."""
        local = F.relu(self.local2(F.relu(self.local1(F.relu(self.enter(seen))))))
        code = F.relu(self.hidden(local.mean((2, 3), keepdim=True)))
        light = F.relu(local + self.to_local(code))
        return self.leave(light) + self.to_gain(code), light


class Suppression(nn.Module):
    """Light-interference suppression: brightened and dark picture (N, 12, H/2, W/2) each to a residual like them."""

    def __init__(self, width: int, depth: int, light_width: int) -> None:
        super().__init__()
        self.enter = start_mixing(nn.Conv2d(24, width, 3, padding=1))
        self.calibrate = start_small(nn.Conv2d(light_width, width, 1), 0.1)
        self.hidden = [f"middle{place}" for place in range(1, depth)]
        for name in self.hidden:
            self.add_module(name, start_passing_on(nn.Conv2d(width, width, 3, padding=1)))
        self.leave = start_small(nn.Conv2d(width, 12, 3, padding=1), 0.01)

    def forward(self, bright: Tensor, dark: Tensor, light: Tensor, times: int) -> Tensor:
        """``light`` (N, light_width, h, w), a ``times``-th of the pictures' size, shifts the first features."""
        shift = enlarged(self.calibrate(light), times)
        features = F.relu(self.enter(torch.cat((bright, dark), dim=1)) + shift)
        for name in self.hidden:
            features = F.relu(self.get_submodule(name)(features))
        residual: Tensor = self.leave(features)
        return residual


class Ldfc(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W multiples of 8; clipped in eval mode."""

    size_multiple = 8
    fed_around: ClassVar = {"repair.enter": 0.25}
    """Layers whose input has this mean, nearly: of a brightened and a dark picture (``reparameterize.Centred``)."""

    def __init__(self, width: int, depth: int, light_width: int) -> None:
        super().__init__()
        self.settings = {"width": width, "depth": depth, "light_width": light_width}
        self.unshuffle = PixelUnshuffleConv()
        self.light = Calibration(light_width)
        self.repair = Suppression(width, depth, light_width)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        blocks = self.unshuffle(x)
        small = self.unshuffle.means(F.avg_pool2d(blocks, thumb_stride // 2))
        logit, light = self.light(torch.cat((spread_features(small), tone_of(small)), dim=1))
        times = thumb_stride // 2
        bright = shoulder(blocks * enlarged(self.unshuffle.repeat(gain_of(logit)), times))
        y = bright + self.repair(bright, blocks, light, times)
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, 2)
