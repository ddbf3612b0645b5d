"""A plain chain of 3x3 convolutions: no thumbnail, no resize, no skip, nothing that an NPU may lack.

The chain is trained in branches and shipped as one convolution each where the recipe says ``student.reparameterize``
(RepVGG, Ding et al., CVPR 2021; ECBSR, Zhang et al., ACM MM 2021); the residual in image space and the final clip are
ABPN's (Du et al., CVPRW 2021). A square root, a camera's gamma curve nearly, brightens before the chain: dark codes
are spread before int8 sees them, and the residual stays small.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.models.brighten import THUMB_STRIDE, PixelUnshuffleConv
from compress.models.repair import Repair


class PlainCnn(nn.Module):
    """Dark (N, 3, H, W) float32 RGB in [0, 1] to bright; H, W even; clipped in eval mode.

    A place is decided by the 2 (``depth`` + 1) pixels around it and by nothing else, so tiles give the whole picture's
    answer, and how dark the rest of the scene is plays no part.
    """

    size_multiple = 2
    fed_around: ClassVar = {"repair.enter": 0.25}
    """Layers whose input has this mean, nearly: the root of a dark picture's (``models.reparameterize.Centred``)."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.settings = {"width": width, "depth": depth}
        self.unshuffle = PixelUnshuffleConv()
        self.repair = Repair(width, depth)

    def forward(self, x: Tensor, thumb_stride: int = THUMB_STRIDE) -> Tensor:
        """``thumb_stride`` changes nothing: there is no thumbnail."""
        bright = torch.sqrt(self.unshuffle(x) + 1e-4)
        y = bright + self.repair(bright)
        y = y if self.training else torch.clamp(y, 0.0, 1.0)
        return F.pixel_shuffle(y, 2)
