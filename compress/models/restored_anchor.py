"""A teacher that enlarges a picture after it has restored what shrinking took from it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.anchor_cnn import AnchorCnn
from compress.models.brighten import THUMB_STRIDE, PixelUnshuffleConv
from compress.models.repair import Repair


class RestoredAnchor(nn.Module):
    """As ``AnchorCnn``, behind a residual pre-processing network of five 3x3 convolutions (Yuan, 2022).

    ``restore`` is that network: a picture (N, 3, H, W) to one of its size; ``enlarge`` the rest.
    """

    size_multiple = 2

    def __init__(self, width: int, depth: int, scale: int = 2, restore: int = 32) -> None:
        """``restore``: channels of the pre-processing network."""
        super().__init__()
        self.settings = {"width": width, "depth": depth, "scale": scale, "restore": restore}
        self.scale = scale
        self.restore = _Restore(restore)
        self.enlarge = AnchorCnn(width, depth, scale)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        """``thumb_stride`` changes nothing: there is no thumbnail."""
        y: Tensor = self.enlarge(self.restore(x))
        return y


class _Restore(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.unshuffle = PixelUnshuffleConv()
        self.repair = Repair(width, depth=4)

    def forward(self, x: Tensor) -> Tensor:
        blocks = self.unshuffle(x)
        restored = blocks + self.repair(blocks)
        return F.pixel_shuffle(restored if self.training else torch.clamp(restored, 0.0, 1.0), 2)
