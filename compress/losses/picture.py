"""Supervised picture losses on RGB (N, 3, H, W) float32 in [0, 1]."""

from __future__ import annotations

import torch
from pytorch_msssim import ssim
from torch import Tensor
from torch.nn import functional as F

from compress.losses.multi_scale import multi_scale
from compress.schema import PictureLoss


def charbonnier(y: Tensor, truth: Tensor, weight: Tensor | None = None) -> Tensor:
    """Smooth L1, ``sqrt(d**2 + 1e-6)`` (Charbonnier, ICIP 1994); ``weight`` (N, 1, H, W) averages pixels unevenly."""
    error = torch.sqrt((y - truth) ** 2 + 1e-6)
    if weight is None:
        return error.mean()
    return (error * weight).sum() / (3.0 * weight.sum()).clamp(min=1.0)


def structural(y: Tensor, truth: Tensor) -> Tensor:
    """One minus SSIM with a 7x7 Gaussian window (Wang et al., TIP 2004); smaller than the metric's for speed."""
    similarity: Tensor = ssim(y, truth, data_range=1.0, win_size=7, win_sigma=1.5)
    return 1.0 - similarity


def brightness(y: Tensor, truth: Tensor, side: int = 16) -> Tensor:
    """L1 between the means of blocks of ``side`` pixels a side: exposure without texture."""
    return F.l1_loss(F.avg_pool2d(y, side), F.avg_pool2d(truth, side))


def colour(y: Tensor, truth: Tensor) -> Tensor:
    """One minus the cosine between RGB vectors of 4x4 block means: hue without brightness."""
    return 1.0 - F.cosine_similarity(F.avg_pool2d(y, 4) + 1e-3, F.avg_pool2d(truth, 4) + 1e-3, dim=1).mean()


def log_error(y: Tensor, truth: Tensor) -> Tensor:
    """A tenth of the mean log of each picture's mean squared error: PSNR but for sign and unit.

    1e-3 is added, 30 dB, above which a picture is good enough to leave its place to worse ones.
    """
    return 0.1 * torch.log(((y - truth) ** 2).mean((1, 2, 3)) + 1e-3).mean()


def gradient(y: Tensor, truth: Tensor) -> Tensor:
    """L1 between the Sobel gradients of each colour, as steep as one pixel's step: edges, whatever the exposure."""
    return F.l1_loss(_sobel(y), _sobel(truth))


def _sobel(picture: Tensor) -> Tensor:
    """(N, 3, H, W) to (N, 6, H - 2, W - 2): across and down, for each colour."""
    across = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]], device=picture.device) / 8.0
    kernel = torch.stack((across, across.T))[:, None].repeat(3, 1, 1, 1)
    return F.conv2d(picture, kernel.to(picture.dtype), groups=3)


def total_variation(y: Tensor, _truth: Tensor) -> Tensor:
    """Mean difference of neighbours across and down (Rudin et al., Physica D 1992, anisotropic): holds noise back."""
    across, down = y[..., 1:] - y[..., :-1], y[..., 1:, :] - y[..., :-1, :]
    return across.abs().mean() + down.abs().mean()


_TERMS = {
    "charbonnier": charbonnier, "ssim": structural, "log_error": log_error, "brightness": brightness, "colour": colour,
    "ms_ssim": multi_scale, "gradient": gradient, "total_variation": total_variation,
}  # fmt: skip

_AS_IT_IS = ("brightness", "total_variation")
"""Terms that never look at the matched picture."""

_EVEN_ONLY = ("ssim", "ms_ssim", "colour")
"""Terms that look at nothing else once there is one."""


def matched(y: Tensor, truth: Tensor) -> Tensor:
    """Each picture of ``y`` times what gives it the mean of its truth, a factor held in [1/4, 4].

    A dark picture does not tell how bright a photographer wanted it. Against the matched picture a network
    learns colour, noise and detail without that coin toss in its gradient (Liao et al., "GT-Mean Loss", 2025).
    """
    ratio = truth.mean((1, 2, 3), keepdim=True) / y.mean((1, 2, 3), keepdim=True).clamp(min=1e-3)
    return y * ratio.clamp(0.25, 4.0)


def picture_loss(y: Tensor, truth: Tensor, weights: PictureLoss) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted sum of the terms that have a weight, and each term for the curve.

    ``weights.matched`` is the share of ``charbonnier``, ``log_error`` and ``gradient`` that is taken against the
    matched picture; above 0, ``ssim``, ``ms_ssim`` and ``colour`` see only that one. The two others are what they are.
    """
    share = weights.matched
    even = matched(y, truth) if share > 0 else y

    def value(name: str) -> Tensor:
        term = _TERMS[name]
        if share == 0 or name in _AS_IT_IS:
            return term(y, truth)
        if name in _EVEN_ONLY:
            return term(even, truth)
        return (1.0 - share) * term(y, truth) + share * term(even, truth)

    parts = {name: value(name) for name in _TERMS if getattr(weights, name) > 0}
    total = sum((getattr(weights, name) * part for name, part in parts.items()), y.new_zeros(()))
    return total, parts
