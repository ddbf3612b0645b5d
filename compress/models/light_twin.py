"""The student: two branches, illumination and repair, at most 50 K parameters.

``light`` sees a thumbnail of the whole picture and gives the gain map and the colour map (ADR 0006, 0020); ``repair``
is a plain chain of 3x3 convolutions at half resolution and turns the brightened picture into an image-space residual.
Everything in image space is done on twelve half-resolution channels (the four pixels of each 2x2 block), with one
PixelShuffle at the very end (ADR 0002). The chain has no skips, gates or resizes inside: in INT8 each of
them costs as much as a convolution. Image-space residual and final clip after ABPN (Du et al., CVPRW
2021): the quantized part only has to carry a small correction.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import (
    COLOUR_TERMS,
    THUMB_STRIDE,
    ColourMap,
    PixelUnshuffleConv,
    gain_of,
    relit,
    spread_features,
    start_mixing,
    start_passing_on,
    start_small,
)
from compress.models.repair import Repair


class Light(nn.Module):
    """Illumination from a thumbnail (N, 6, h, w): logits of the gain (N, 3, h, w) and colour terms (N, 12, 1, 1)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.enter = start_mixing(nn.Conv2d(6, w, 3, padding=1))
        self.local1 = start_passing_on(nn.Conv2d(w, w, 3, padding=2, dilation=2))
        self.local2 = start_passing_on(nn.Conv2d(w, w, 3, padding=4, dilation=4))
        self.down1 = start_mixing(nn.Conv2d(w, 2 * w, 3, stride=2, padding=1))
        self.down2 = start_mixing(nn.Conv2d(2 * w, 2 * w, 3, stride=2, padding=1))
        self.deep = start_passing_on(nn.Conv2d(2 * w, 2 * w, 3, padding=2, dilation=2))
        self.hidden = start_mixing(nn.Conv2d(4 * w, 4 * w, 1))
        self.to_gain = nn.Conv2d(4 * w, 3, 1)
        self.to_colour = start_small(nn.Conv2d(4 * w, COLOUR_TERMS, 1), 0.01)
        self.leave = nn.Conv2d(w, 3, 3, padding=1)

    def forward(self, small: Tensor) -> tuple[Tensor, Tensor]:
        seen = F.relu(self.enter(small))
        deep = F.relu(self.deep(F.relu(self.down2(F.relu(self.down1(seen))))))
        whole = torch.cat((deep.mean((2, 3), keepdim=True), deep.amax((2, 3), keepdim=True)), dim=1)
        local = F.relu(self.local2(F.relu(self.local1(seen)))) + seen
        code = F.relu(self.hidden(whole))
        return self.leave(local) + self.to_gain(code), self.to_colour(code)


class LightTwin(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W multiples of 8; clipped in eval mode."""

    size_multiple = 8
    fed_around: ClassVar = {"repair.enter": 0.45}
    """Layers whose input has this mean, nearly: a brightened picture's (``models.reparameterize.Centred``)."""

    def __init__(self, width: int, depth: int, light_width: int) -> None:
        super().__init__()
        self.settings = {"width": width, "depth": depth, "light_width": light_width}
        self.unshuffle = PixelUnshuffleConv()
        self.colours = ColourMap()
        self.light = Light(light_width)
        self.repair = Repair(width, depth)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        blocks = self.unshuffle(x)
        small = self.unshuffle.means(F.avg_pool2d(blocks, thumb_stride // 2))
        logit, terms = self.light(spread_features(small))
        light = self.colours.split(gain_of(logit), small, terms)
        bright = relit(blocks, light, self.unshuffle, thumb_stride // 2)
        y = bright + self.repair(bright)
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, 2)
