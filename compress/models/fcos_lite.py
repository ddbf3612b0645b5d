"""A small detector without anchors: a place of a map says what is there and how far its edges are.

FCOS (Tian et al., ICCV 2019; TPAMI 2020) with a head that all levels share, on a backbone of 3x3 convolutions that
halve and depthwise separable ones that don't (Howard et al., "MobileNets", 2017), as NanoDet has it in principle. No
norms, exponentials or reshapes: convolutions, ReLU, sums and nearest enlargement run on every NPU. What maps mean is in
``compress.detection.decode``, where NMS is, too: both stay outside of the graph.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import THUMB_STRIDE, PixelUnshuffleConv, start_mixing

STRIDES = (8, 16, 32)
_RARE = 0.01
"""Share of the places that an untrained network takes for objects (focal loss, Lin et al., ICCV 2017, section 4.1)."""


class Separable(nn.Module):
    """(N, C, H, W) to the same: a depthwise 3x3 and a 1x1 convolution, ReLU behind both, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.deep = start_mixing(nn.Conv2d(channels, channels, 3, padding=1, groups=channels))
        self.point = start_mixing(nn.Conv2d(channels, channels, 1))
        with torch.no_grad():
            self.point.weight.mul_(0.3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = x + F.relu(self.point(F.relu(self.deep(x))))
        return y


class Stage(nn.Module):
    """(N, C, H, W) to (N, C', H / 2, W / 2): a 3x3 convolution of stride 2, then ``blocks`` separable ones."""

    def __init__(self, inside: int, outside: int, blocks: int) -> None:
        super().__init__()
        self.halve = start_mixing(nn.Conv2d(inside, outside, 3, 2, 1))
        self.blocks = nn.Sequential(*(Separable(outside) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.blocks(F.relu(self.halve(x)))
        return y


class Neck(nn.Module):
    """Features of three strides, each with what coarser ones see (FPN, Lin et al., CVPR 2017), ``width`` channels."""

    def __init__(self, inside: tuple[int, int, int], width: int) -> None:
        """``inside``: channels of the three, the finest first."""
        super().__init__()
        # by name, not in a ModuleList: NNCF finds layers by the modules that are called
        self.fine, self.middle, self.coarse = (start_mixing(nn.Conv2d(channels, width, 1)) for channels in inside)
        self.smooth_fine, self.smooth_middle, self.smooth_coarse = (Separable(width) for _ in inside)

    def forward(self, fine: Tensor, middle: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        far = self.smooth_coarse(F.relu(self.coarse(coarse)))
        mid = self.smooth_middle(F.relu(self.middle(middle)) + _twice(far))
        near = self.smooth_fine(F.relu(self.fine(fine)) + _twice(mid))
        return near, mid, far


def _twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Head(nn.Module):
    """(N, width, h, w) to (N, C + 5, h, w): class logits, four distances in strides, centreness logit."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.towers = nn.Sequential(Separable(width), Separable(width))
        self.leave = nn.Conv2d(width, classes + 5, 1)
        with torch.no_grad():
            self.leave.weight.mul_(0.1)
            assert self.leave.bias is not None
            self.leave.bias.zero_()
            self.leave.bias[:classes] = -math.log((1 - _RARE) / _RARE)
            self.leave.bias[classes : classes + 4] = 2.0  # in the middle of what a level is for

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.leave(self.towers(x))
        return y


class FcosLite(nn.Module):
    """RGB (N, 3, H, W) float32 in [0, 1] to maps (N, 3 * (``classes`` + 5), H/8, W/8); H and W multiples of 32.

    ``width``: channels at a quarter of the size; 2, 4 and 6 times that at an eighth and beyond.
    """

    size_multiple = 32
    strides = STRIDES

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.settings = {"width": width, "classes": classes}
        self.classes = classes
        inside = 2 * width, 4 * width, 6 * width
        self.unshuffle = PixelUnshuffleConv()
        self.stem = Stage(12, width, 0)
        self.fine = Stage(width, inside[0], 1)
        self.middle = Stage(inside[0], inside[1], 2)
        self.coarse = Stage(inside[1], inside[2], 1)
        self.neck = Neck(inside, 3 * width)
        self.head = Head(3 * width, classes)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        """``thumb_stride`` changes nothing: there is no thumbnail."""
        fine = self.fine(self.stem(self.unshuffle(x)))
        middle = self.middle(fine)
        levels = self.neck(fine, middle, self.coarse(middle))
        return laid_together([self.head(level) for level in levels])


def laid_together(answers: list[Tensor]) -> Tensor:
    """What a head says of each level, the finest first, as maps of the finest level's size side by side."""
    parts = [answers[0]]
    for place, answer in enumerate(answers[1:], 1):
        parts.append(F.interpolate(answer, scale_factor=float(2**place), mode="nearest"))
    return torch.cat(parts, 1)
