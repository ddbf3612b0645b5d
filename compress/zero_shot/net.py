"""The network that learns from one picture: what is missing in a picture that was enlarged already."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import PixelUnshuffleConv
from compress.models.repair import Repair

_GREY = 0.45
"""Taken off what comes in, so that it lies about 0."""


class OwnNet(nn.Module):
    """``start`` (N, 3, scale H, scale W) plus a residual that starts near zero: never far below its start.

    The chain sees ``start`` in blocks of ``scale`` x ``scale``, so it works at the size of the small picture (N, 3, H,
    W). With ``restore`` channels a pre-processing network of five 3x3 convolutions mends the small picture first (Yuan,
    2022), and the chain sees that, too; H, W even then.
    """

    def __init__(self, width: int, depth: int, scale: int, restore: int = 0) -> None:
        super().__init__()
        self.scale = scale
        channels = 3 * scale**2
        self.unshuffle = PixelUnshuffleConv()
        self.restore = Repair(restore, depth=4) if restore else None
        self.body = Repair(width, depth, given=channels, taken=channels + (3 if restore else 0))

    def forward(self, x: Tensor, start: Tensor) -> Tensor:
        """``x`` and its ``start`` in [0, 1] to the answer, of the size of ``start``, not clipped."""
        seen = [F.pixel_unshuffle(start, self.scale)]
        if self.restore is not None:
            seen.append(self.restored(x))
        y: Tensor = start + F.pixel_shuffle(self.body(torch.cat(seen, 1) - _GREY), self.scale)
        return y

    def restored(self, x: Tensor) -> Tensor:
        """What the pre-processing network makes of ``x``."""
        assert self.restore is not None
        return x + F.pixel_shuffle(self.restore(self.unshuffle(x)), 2)


@torch.no_grad()
def turned_mean(net: OwnNet, x: Tensor, start: Tensor) -> Tensor:
    """Mean of the answers to ``x`` and ``start``, turned and mirrored in all eight ways, each turned back; in [0, 1].

    Geometric self-ensemble (Timofte et al., CVPR 2016).
    """
    total = torch.zeros_like(start)
    for turns in range(4):
        for mirrored in (False, True):
            given = [torch.rot90(each, turns, (2, 3)) for each in (x, start)]
            given = [each.flip(3) for each in given] if mirrored else given
            y = net(*given)
            total += torch.rot90(y.flip(3) if mirrored else y, -turns, (2, 3))
    return (total / 8).clamp(0, 1)
