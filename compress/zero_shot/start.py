"""What a picture is enlarged to before any network: cubic, made to shrink back to it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from compress.degradation.kernel import Taps, shrunk


def enlarged(x: Tensor, scale: int) -> Tensor:
    """(N, C, H, W) float to (N, C, scale H, scale W) by the cubic kernel (Keys, 1981, a = -.5)."""
    return F.interpolate(x, scale_factor=scale, mode="bicubic", antialias=True)


@torch.no_grad()
def projected(y: Tensor, x: Tensor, taps: Taps, scale: int, times: int) -> Tensor:
    """``y`` (N, 3, scale H, scale W), ``times`` times moved so that by ``taps`` it shrinks to ``x`` (N, 3, H, W).

    Iterative back-projection (Irani & Peleg, 1991); both in [0, 1].
    """
    for _ in range(times):
        y = (y + enlarged(x - shrunk(y, taps, scale), scale)).clamp(0, 1)
    return y


def started(x: Tensor, taps: Taps, scale: int, times: int) -> Tensor:
    """``x`` (N, 3, H, W) in [0, 1] enlarged, and projected ``times`` times."""
    return projected(enlarged(x, scale).clamp(0, 1), x, taps, scale, times)
