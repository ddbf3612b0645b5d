"""A curve estimator: a thumbnail says how each place's tone curve bends, and the picture goes through it a few times.

The curve ``v + a v (1 - v)`` with ``a`` in [-1, 1] keeps [0, 1] and the order of tones (Zero-DCE, Guo et al., CVPR
2020); one map for all rounds, estimated on a small picture, is Zero-DCE++'s (Li et al., TPAMI 2021). A round doubles
dark codes at most, so five rounds, where the papers take eight, reach a gain of 32. Sigmoid stands for their tanh and
a plain dilated chain for their skips; what the whole picture says is our addition. Noise stays: nothing here repairs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import (
    THUMB_STRIDE,
    PixelUnshuffleConv,
    enlarged,
    spread_features,
    start_mixing,
    start_passing_on,
    tone_of,
)

_FURTHEST = 4
"""Largest dilation of the chain."""

_LOGIT_SHIFT = 1.2
"""Puts the bend of an untrained network near .5: five rounds make a dark code eight times as large."""


class Estimator(nn.Module):
    """Thumbnail's features (N, 9, h, w) to logits of the bend (N, 3, h, w)."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.enter = start_mixing(nn.Conv2d(9, width, 3, padding=1))
        self.hidden = [f"middle{place}" for place in range(1, depth)]
        for place, name in enumerate(self.hidden):
            far = min(2 ** (place + 1), _FURTHEST)
            self.add_module(name, start_passing_on(nn.Conv2d(width, width, 3, padding=far, dilation=far)))
        self.code = start_mixing(nn.Conv2d(width, width, 1))
        self.to_bend = nn.Conv2d(width, 3, 1)
        self.leave = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, seen: Tensor) -> Tensor:
        features = F.relu(self.enter(seen))
        for name in self.hidden:
            features = F.relu(self.get_submodule(name)(features))
        whole = F.relu(self.code(features.mean((2, 3), keepdim=True)))
        logit: Tensor = self.leave(features) + self.to_bend(whole)
        return logit


class LightCurve(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W multiples of 8; clipped in eval mode."""

    size_multiple = 8

    def __init__(self, width: int, depth: int, iterations: int) -> None:
        super().__init__()
        self.settings = {"width": width, "depth": depth, "iterations": iterations}
        self.unshuffle = PixelUnshuffleConv()
        self.curve = Estimator(width, depth)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        blocks = self.unshuffle(x)
        small = self.unshuffle.means(F.avg_pool2d(blocks, thumb_stride // 2))
        logit = self.curve(torch.cat((spread_features(small), tone_of(small)), dim=1))
        bend = 2.0 * torch.sigmoid(logit.float() + _LOGIT_SHIFT) - 1.0
        bend = enlarged(self.unshuffle.repeat(bend), thumb_stride // 2)
        y = blocks
        for _ in range(self.settings["iterations"]):
            y = y + bend * (y - y * y)
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, 2)
