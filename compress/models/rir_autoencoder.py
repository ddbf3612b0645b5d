"""Net-T: a denoising auto-encoder of well-lit pictures, residual in residual at a quarter of the size.

The teacher of Kang (2021; see ``residual_in_residual``): it never sees the dark picture, it learns what clean
pictures are made of, and Net-S (``rir``) imitates its features. No skip leads around the trunk at a finer size, and
``teach.noise`` is on what it sees, so that it can't pass its input on. Dropout is in here and not in Net-S.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import THUMB_STRIDE, PixelUnshuffleConv, start_mixing
from compress.models.residual_in_residual import Trunk

DROPOUT = 0.1
"""Share of a block's channels that are left out while training (Srivastava et al., JMLR 2014)."""


class RirAutoencoder(nn.Module):
    """Well-lit (N, 3, H, W) float32 RGB in [0, 1] to itself without noise; H, W multiples of 4; clipped in eval mode.

    ``depth``: groups; ``blocks``: blocks a group. ``thumb_stride`` changes nothing: it looks at no thumbnail.
    """

    size_multiple = 4

    def __init__(self, width: int, depth: int, blocks: int) -> None:
        super().__init__()
        self.settings = {"width": width, "depth": depth, "blocks": blocks}
        self.unshuffle = PixelUnshuffleConv()
        self.enter = start_mixing(nn.Conv2d(12, width, 3, padding=1))
        self.down = start_mixing(nn.Conv2d(width, width, 3, stride=2, padding=1))
        self.trunk = Trunk(width, depth, blocks, DROPOUT)
        self.up = start_mixing(nn.Conv2d(width, 4 * width, 3, padding=1))
        self.leave = nn.Conv2d(width, 12, 3, padding=1)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        coarse = self.trunk(F.relu(self.down(F.relu(self.enter(self.unshuffle(x))))))
        y = F.pixel_shuffle(self.leave(F.pixel_shuffle(F.relu(self.up(coarse)), 2)), 2)
        return y if self.training else torch.clamp(y, 0.0, 1.0)
