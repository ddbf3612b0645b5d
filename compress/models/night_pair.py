"""Two tasks on one backbone: a brighter, cleaner picture, and the objects in it.

Miao et al. (2023) enhance and detect by the same features; their layers are not public, so these are ours: the detector
is ``fcos_lite``, the light is found as ``light_twin`` finds it, but on the backbone's features in the place of a branch
of its own, and a few 3x3 convolutions at half resolution repair what is brightened, told by the neck what is where.
Everything enters through a square root, a camera's gamma curve nearly, which spreads the darkest codes.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

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
    start_mixing,
    start_passing_on,
    start_small,
)
from compress.models.fcos_lite import STRIDES, Head, Neck, Stage, laid_together
from compress.models.outputs import PICTURE_AND_MAPS

_NORMED = ("stem", "fine", "middle", "coarse", "neck")
"""The parts that find out what is where: from random weights they learn it twice as fast with norms (ADR 0049, and Zhu
et al., "ScratchDet", CVPR 2019). Not the boxes' head, whose towers see three levels of other statistics."""

_DOWN = 8
"""The light is found at this part of the picture's size."""


class NightLight(nn.Module):
    """Features at an eighth (N, inside, h, w) and the coarsest (N, deep, h/4, w/4) to logits of the gain (N, 3, h, w)
    and colour terms (N, 12, 1, 1)."""

    def __init__(self, inside: int, deep: int) -> None:
        super().__init__()
        self.hidden = start_mixing(nn.Conv2d(deep, 32, 1))
        self.to_gain = start_small(nn.Conv2d(32, 3, 1), 1.0)
        self.to_colour = start_small(nn.Conv2d(32, COLOUR_TERMS, 1), 0.01)
        self.local = start_small(nn.Conv2d(inside, 3, 3, padding=1), 0.1)

    def forward(self, near: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        code = F.relu(self.hidden(coarse.mean((2, 3), keepdim=True)))
        return self.local(near) + self.to_gain(code), self.to_colour(code)


class Mend(nn.Module):
    """The brightened picture in blocks (N, 12, h, w), with features at a half (N, stem, h/2, w/2) and a quarter
    (N, near, h/4, w/4) of its size, to its residual (N, 12, h, w)."""

    def __init__(self, stem: int, near: int, width: int) -> None:
        super().__init__()
        self.of_stem = start_mixing(nn.Conv2d(stem, width, 1))
        self.of_near = start_mixing(nn.Conv2d(near, width, 1))
        self.mix = start_passing_on(nn.Conv2d(width, width, 3, padding=1))
        self.enter = start_mixing(nn.Conv2d(12 + width, width, 3, padding=1))
        self.middle = start_passing_on(nn.Conv2d(width, width, 3, padding=1))
        self.leave = start_small(nn.Conv2d(width, 12, 3, padding=1), 0.01)

    def forward(self, bright: Tensor, stem: Tensor, near: Tensor) -> Tensor:
        known = F.relu(self.of_stem(stem)) + _twice(F.relu(self.of_near(near)))
        seen = torch.cat((bright, _twice(F.relu(self.mix(known)))), 1)
        residual: Tensor = self.leave(F.relu(self.middle(F.relu(self.enter(seen)))))
        return residual


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Seen(NamedTuple):
    """Of a picture (N, 3, H, W): its ``blocks`` (N, 12, H/2, W/2), features at a quarter (``stem``) and at a
    thirty-second (``coarse``) of its size, and the neck's three ``levels``, the finest first."""

    blocks: Tensor
    stem: Tensor
    coarse: Tensor
    levels: tuple[Tensor, Tensor, Tensor]


class NightPair(nn.Module):
    """Dark RGB (N, 3, H, W) float32 in [0, 1] to a pair: the bright picture, of that form, and maps of boxes.

    Maps (N, 3 * (``classes`` + 5), H/8, W/8) mean what those of ``fcos_lite`` do. The picture is clipped in eval mode.
    H and W are multiples of 32. ``width``: channels at a quarter of the size; 2, 4 and 6 times that at an eighth and
    beyond. ``mend``: channels at half of the size. ``normed``: names of the convolutions that train with a BatchNorm
    behind them (``compress.models.reparameterize``).
    """

    size_multiple = 32
    strides = STRIDES
    outputs: ClassVar[tuple[str, ...]] = PICTURE_AND_MAPS

    def __init__(self, width: int, mend: int, classes: int) -> None:
        super().__init__()
        self.settings = {"width": width, "mend": mend, "classes": classes}
        self.classes = classes
        inside = 2 * width, 4 * width, 6 * width
        self.unshuffle = PixelUnshuffleConv()
        self.colours = ColourMap()
        self.stem = Stage(12, width, 0)
        self.fine = Stage(width, inside[0], 1)
        self.middle = Stage(inside[0], inside[1], 2)
        self.coarse = Stage(inside[1], inside[2], 1)
        self.neck = Neck(inside, 3 * width)
        self.head = Head(3 * width, classes)
        self.light = NightLight(3 * width, inside[2])
        self.mend = Mend(width, 3 * width, mend)
        self.normed = tuple(
            name for name, layer in self.named_modules()
            if isinstance(layer, nn.Conv2d) and name.split(".")[0] in _NORMED
        )  # fmt: skip

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> tuple[Tensor, Tensor]:
        """``thumb_stride`` changes nothing: the features see the picture as it is."""
        seen = self.seen(x)
        return self.brightened(seen), laid_together([self.head(level) for level in seen.levels])

    def seen(self, x: Tensor) -> Seen:
        """The features that both heads share."""
        blocks = self.unshuffle(x)
        stem = self.stem(torch.sqrt(blocks + 1e-4))
        fine = self.fine(stem)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        return Seen(blocks, stem, coarse, self.neck(fine, middle, coarse))

    def brightened(self, seen: Seen) -> Tensor:
        """The bright picture, clipped in eval mode."""
        logit, terms = self.light(seen.levels[0], seen.coarse)
        small = self.unshuffle.means(F.avg_pool2d(seen.blocks, _DOWN // 2))
        light = self.colours.split(gain_of(logit), small, terms)
        bright = relit(seen.blocks, light, self.unshuffle, _DOWN // 2)
        y = bright + self.mend(bright, seen.stem, seen.levels[0])
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, 2)
