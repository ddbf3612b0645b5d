"""Blur kernels: an odd square of taps, how a picture is shrunk by one, and how far two lie apart.

A kernel for ``scale`` s has 6 s + 1 taps a side (13 for 2), over pixels of the large picture. Where s is even, the
centre of a pixel of the small picture lies between two large ones, so a kernel that moves nothing has its centre of
mass half a tap behind its middle one (the convention of KernelGAN, Bell-Kligler et al., NeurIPS 2019).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Taps = NDArray[np.float64]
"""(n, n), n odd, sum 1; rows first."""


def side(scale: int) -> int:
    """Taps a side of kernels for ``scale``."""
    return 6 * scale + 1


def middle(scale: int) -> float:
    """Row and column of the centre of mass of a kernel that moves nothing, counted from 0."""
    return (side(scale) - 1) / 2 + (0.5 if scale % 2 == 0 else 0.0)


def gaussian(scale: int, covariance: NDArray[np.float64]) -> Taps:
    """The Gaussian of this ``covariance`` (2, 2), rows first, in squared pixels of the large picture.

    Nowhere negative, of sum 1, centred, and nothing where it is below a thousandth of its peak.
    """
    away = np.arange(side(scale)) - middle(scale)
    down, across = np.meshgrid(away, away, indexing="ij")
    (a, b), (_, c) = np.linalg.inv(covariance)
    taps = np.exp(-0.5 * (a * down**2 + 2 * b * down * across + c * across**2))
    taps[taps < 1e-3 * taps.max()] = 0.0
    return np.asarray(taps / taps.sum())


def oriented(scale: int, along: float, beside: float, degrees: float) -> Taps:
    """The Gaussian of deviations ``along`` and ``beside``, in large pixels, turned from the rows by ``degrees``."""
    turn = math.radians(degrees)
    axis = np.array([math.sin(turn), math.cos(turn)])
    other = np.array([axis[1], -axis[0]])
    return gaussian(scale, along**2 * np.outer(axis, axis) + beside**2 * np.outer(other, other))


def cubic(scale: int) -> Taps:
    """The kernel of bicubic shrinking (Keys, 1981, a = -.5), stretched by ``scale``: the guess without looking."""
    t = np.abs(np.arange(side(scale)) - middle(scale)) / scale
    near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
    line = np.where(t <= 1, near, np.where(t < 2, far, 0.0))
    taps = np.outer(line, line)
    return np.asarray(taps / taps.sum())


def centre(taps: Taps) -> tuple[float, float]:
    """Row and column of the centre of mass."""
    places = np.arange(len(taps))
    return float(taps.sum(1) @ places / taps.sum()), float(taps.sum(0) @ places / taps.sum())


def centre_shift_px(found: Taps, true: Taps) -> float:
    """How far apart their centres of mass lie, in pixels of the large picture."""
    return math.dist(centre(found), centre(true))


def kernel_psnr_db(found: Taps, true: Taps) -> float:
    """PSNR of one kernel against another of its size; the peak is the largest tap of ``true``."""
    error = float(np.mean((found - true) ** 2))
    return math.inf if error == 0 else 10 * math.log10(float(true.max()) ** 2 / error)


def shrunk(pictures: Tensor, taps: Taps, scale: int) -> Tensor:
    """(N, C, H, W) float blurred by ``taps`` and every ``scale``-th pixel of it: (N, C, H // scale, W // scale).

    Borders are mirrored; sides are at least half of the kernel's.
    """
    import torch
    from torch.nn import functional as F

    count, colours, height, width = pictures.shape
    before = len(taps) // 2 - (scale - 1) // 2
    behind = len(taps) - 1 - before
    planes = F.pad(pictures, (before, behind, before, behind), mode="reflect").reshape(
        1, count * colours, -1, width + before + behind
    )
    weight = torch.as_tensor(taps, dtype=pictures.dtype, device=pictures.device).expand(count * colours, 1, -1, -1)
    # A plane a group: backwards that takes a tenth of the time that as many samples of one plane take.
    small = F.conv2d(planes, weight, stride=scale, groups=count * colours)[..., : height // scale, : width // scale]
    return small.reshape(count, colours, height // scale, width // scale)
