"""A plain chain of 3x3 convolutions that repairs a picture as bright as it is, or enlarges it by ``scale``.

The answer is each input pixel repeated (the anchor) plus a learned residual (ABPN, Du et al., CVPRW 2021; for
``scale`` 1 DnCNN's residual, Zhang et al., TIP 2017). Chain and sum work at half resolution, and one PixelShuffle
opens both blocks and enlargement (ESPCN, Shi et al., CVPR 2016): nothing is resized on the device.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import THUMB_STRIDE, PixelUnshuffleConv
from compress.models.repair import Repair


class AnchorCnn(nn.Module):
    """RGB (N, 3, H, W) float32 in [0, 1] to (N, 3, scale H, scale W); H, W even; clipped in eval mode.

    A place is decided by the 2 (``depth`` + 1) input pixels around it, so tiles give the whole picture's answer.
    """

    size_multiple = 2
    fed_around: ClassVar = {"repair.enter": 0.45}
    """Layers whose input has this mean, nearly (``models.reparameterize.Centred``)."""

    def __init__(self, width: int, depth: int, scale: int = 1) -> None:
        super().__init__()
        self.settings = {"width": width, "depth": depth, "scale": scale}
        self.scale = scale
        self.unshuffle = PixelUnshuffleConv()
        self.repair = Repair(width, depth, given=12 * scale**2)
        side = 2 * scale
        anchor = torch.zeros(3 * side**2, 12, 1, 1)
        for place in range(3 * side**2):
            colour, row, column = place // side**2, place // side % side, place % side
            anchor[place, 4 * colour + 2 * (row // scale) + column // scale] = 1.0
        self.register_buffer("anchor", anchor, persistent=False)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        """``thumb_stride`` changes nothing: there is no thumbnail."""
        blocks = self.unshuffle(x)
        repeated = blocks if self.scale == 1 else F.conv2d(blocks, self.get_buffer("anchor"))
        y = repeated + self.repair(blocks)
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, 2 * self.scale)
