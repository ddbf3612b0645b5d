"""Net-S: the light of a thumbnail, then residual in residual at a quarter of the size repairs what it brightened.

The student of Kang (2021; see ``residual_in_residual``): low light in, the enhanced picture out, its features those of
Net-T (``rir_autoencoder``). Such a trunk alone, trained on cuts, stays at the mean exposure of its training set: how
bright a picture is to be is a property of the whole of it (ADR 0011). So ``light`` of ``light_twin`` says that, and the
trunk gets the brightened picture and gives an image-space residual (ADR 0016, 0039).
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import (
    THUMB_STRIDE,
    ColourMap,
    PixelUnshuffleConv,
    enlarged,
    gain_of,
    shoulder,
    spread_features,
    start_mixing,
    start_small,
)
from compress.models.light_twin import Light
from compress.models.residual_in_residual import Trunk


class RirRepair(nn.Module):
    """Brightened picture (N, 12, H/2, W/2) to a residual in the same form; the trunk works at a quarter of the size."""

    def __init__(self, width: int, groups: int, blocks: int) -> None:
        super().__init__()
        self.enter = start_mixing(nn.Conv2d(12, width, 3, padding=1))
        self.down = start_mixing(nn.Conv2d(width, width, 3, stride=2, padding=1))
        self.trunk = Trunk(width, groups, blocks)
        self.up = start_mixing(nn.Conv2d(width, width, 3, padding=1))
        self.leave = start_small(nn.Conv2d(width, 12, 3, padding=1), 0.01)

    def forward(self, bright: Tensor) -> Tensor:
        fine = F.relu(self.enter(bright))
        coarse = F.relu(self.up(self.trunk(F.relu(self.down(fine)))))
        residual: Tensor = self.leave(fine + F.interpolate(coarse, scale_factor=2.0, mode="nearest"))
        return residual


class Rir(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W multiples of 8; clipped in eval mode.

    ``depth``: groups; ``blocks``: blocks a group.
    """

    size_multiple = 8
    fed_around: ClassVar = {"repair.enter": 0.45}
    """Layers whose input has this mean, nearly: a brightened picture's (``models.reparameterize.Centred``)."""

    def __init__(self, width: int, depth: int, blocks: int, light_width: int) -> None:
        super().__init__()
        self.settings = {"width": width, "depth": depth, "blocks": blocks, "light_width": light_width}
        self.unshuffle = PixelUnshuffleConv()
        self.colours = ColourMap()
        self.light = Light(light_width)
        self.repair = RirRepair(width, depth, blocks)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        blocks = self.unshuffle(x)
        small = self.unshuffle.means(F.avg_pool2d(blocks, thumb_stride // 2))
        logit, terms = self.light(spread_features(small))
        factor, addend = self.colours.split(gain_of(logit), small, terms)
        large = enlarged(torch.cat((factor, addend), dim=1), thumb_stride // 2)
        factor, addend = self.unshuffle.repeat_both(large)
        bright = shoulder(blocks * factor + addend)
        y = bright + self.repair(bright)
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, 2)
