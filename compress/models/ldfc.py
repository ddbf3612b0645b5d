"""LDFC-Net: light-guided calibration (LGC), then light-interference suppression calibration (LISC).

Only the abstract of the paper is public (SCKD, Journal of Computer-Aided Design & Computer Graphics, 2024, doi
10.3724/SP.J.1089.2024-00547): LGC recovers the illumination and gives a feature map of it, LISC takes away the noise
that brightening shows; 50 K parameters, 2.98 G. Layers, sizes and how one calibrates the other are ours (ADR 0038).
Its variants E, B and P are settings of this one code (``compress.models.NETWORKS``).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import (
    COLOUR_TERMS,
    THUMB_STRIDE,
    ColourMap,
    PixelUnshuffleConv,
    enlarged,
    gain_of,
    relit,
    spread_features,
    start_mixing,
    start_passing_on,
    start_small,
    tone_of,
)


class LightGuidedCalibration(nn.Module):
    """LGC: from a thumbnail (N, 9, h, w), the light: logits of the gain, colour terms, and the illumination's features.

    A code of the whole picture says how bright; it shifts the local features before they say where (calibration by
    the whole). Pooled by the mean only: not every NPU has a maximum over a whole picture.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.enter = start_mixing(nn.Conv2d(9, w, 3, padding=1))
        self.local1 = start_passing_on(nn.Conv2d(w, w, 3, padding=2, dilation=2))
        self.local2 = start_passing_on(nn.Conv2d(w, w, 3, padding=4, dilation=4))
        self.down1 = start_mixing(nn.Conv2d(w, 2 * w, 3, stride=2, padding=1))
        self.down2 = start_mixing(nn.Conv2d(2 * w, 2 * w, 3, stride=2, padding=1))
        self.deep = start_passing_on(nn.Conv2d(2 * w, 2 * w, 3, padding=2, dilation=2))
        self.hidden = start_mixing(nn.Conv2d(2 * w, 4 * w, 1))
        self.to_local = start_small(nn.Conv2d(4 * w, w, 1), 0.1)
        self.guide = nn.ReLU()
        self.to_gain = nn.Conv2d(4 * w, 3, 1)
        self.to_colour = start_small(nn.Conv2d(4 * w, COLOUR_TERMS, 1), 0.01)
        self.leave = nn.Conv2d(w, 3, 3, padding=1)

    def forward(self, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``seen``: ``spread_features`` and ``tone_of`` of the thumbnail. Gives (N, 3, h, w), (N, 12, 1, 1) and
        f_L (N, width, h, w), not below zero, which is what ``guide`` gives."""
        first = F.relu(self.enter(seen))
        local = F.relu(self.local2(F.relu(self.local1(first)))) + first
        deep = F.relu(self.deep(F.relu(self.down2(F.relu(self.down1(first))))))
        code = F.relu(self.hidden(deep.mean((2, 3), keepdim=True)))
        light: Tensor = self.guide(local + self.to_local(code))
        return self.leave(light) + self.to_gain(code), self.to_colour(code), light


class LightInterferenceSuppression(nn.Module):
    """LISC: a brightened picture (N, C, H, W), its pixels in blocks, to a residual like it.

    The illumination's features shift what it sees first: how much a place was brightened is how much noise it has.
    ``depth`` convolutions before the last work at the picture's own size. With ``deep`` there is a part at half of it,
    where a weight costs a quarter: that one sees picture and illumination first, and its features shift in their place.
    """

    def __init__(self, channels: int, width: int, depth: int, light_width: int, deep_width: int, deep: int) -> None:
        super().__init__()
        self.calibrate = start_small(nn.Conv2d(light_width, deep_width if deep else width, 1), 0.1)
        self.deep = [f"deep{place}" for place in range(1, deep + 1)]
        if deep:
            self.down = start_mixing(nn.Conv2d(channels, deep_width, 3, stride=2, padding=1))
            for name in self.deep:
                self.add_module(name, start_passing_on(nn.Conv2d(deep_width, deep_width, 3, padding=1)))
            self.up = start_small(nn.Conv2d(deep_width, width, 1), 0.5)
        self.enter = start_mixing(nn.Conv2d(channels, width, 3, padding=1))
        self.hidden = [f"middle{place}" for place in range(1, depth)]
        for name in self.hidden:
            self.add_module(name, start_passing_on(nn.Conv2d(width, width, 3, padding=1)))
        self.leave = start_small(nn.Conv2d(width, channels, 3, padding=1), 0.01)

    def forward(self, bright: Tensor, light: Tensor, times: int) -> Tensor:
        """``light`` (N, light_width, H / times, W / times)."""
        features = F.relu(self.enter(bright) + self._shift(bright, light, times))
        for name in self.hidden:
            features = F.relu(self.get_submodule(name)(features))
        residual: Tensor = self.leave(features)
        return residual

    def _shift(self, bright: Tensor, light: Tensor, times: int) -> Tensor:
        if not self.deep:
            return enlarged(self.calibrate(light), times)
        light = self.calibrate(light if times > 1 else F.avg_pool2d(light, 2))
        features = F.relu(self.down(bright) + enlarged(light, max(1, times // 2)))
        for name in self.deep:
            features = F.relu(self.get_submodule(name)(features))
        return F.interpolate(self.up(features), scale_factor=2.0, mode="nearest")


class Ldfc(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W multiples of 8; clipped in eval mode.

    ``fold``: image space and LISC work on blocks of so many pixels a side, 2, or 1: at full size.
    """

    size_multiple = 8

    def __init__(self, width: int, depth: int, light_width: int, deep_width: int, deep: int, fold: int) -> None:
        super().__init__()
        self.settings = {
            "width": width, "depth": depth, "light_width": light_width,
            "deep_width": deep_width, "deep": deep, "fold": fold,
        }  # fmt: skip
        self.fold = fold
        self.unshuffle = PixelUnshuffleConv(fold)
        self.colours = ColourMap()
        self.lgc = LightGuidedCalibration(light_width)
        self.lisc = LightInterferenceSuppression(3 * fold * fold, width, depth, light_width, deep_width, deep)
        self.fed_around = dict.fromkeys(("lisc.enter", *(("lisc.down",) if deep else ())), 0.45)
        """Layers whose input has this mean, nearly: a brightened picture's (``models.reparameterize.Centred``)."""

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        blocks = self.unshuffle(x)
        times = thumb_stride // self.fold
        small = self.unshuffle.means(F.avg_pool2d(blocks, times))
        logit, terms, light = self.lgc(torch.cat((spread_features(small), tone_of(small)), dim=1))
        bright = relit(blocks, self.colours.split(gain_of(logit), small, terms), self.unshuffle, times)
        y = bright + self.lisc(bright, light, times)
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, self.fold) if self.fold > 1 else y
