"""Supervised picture losses on RGB (N, 3, H, W) float32 in [0, 1]."""

from __future__ import annotations

import torch
from pytorch_msssim import ssim
from torch import Tensor
from torch.nn import functional as F

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


def brightness(y: Tensor, truth: Tensor) -> Tensor:
    """L1 between the means of 16x16 blocks: exposure without texture."""
    return F.l1_loss(F.avg_pool2d(y, 16), F.avg_pool2d(truth, 16))


def colour(y: Tensor, truth: Tensor) -> Tensor:
    """One minus the cosine between RGB vectors of 4x4 block means: hue without brightness."""
    return 1.0 - F.cosine_similarity(F.avg_pool2d(y, 4) + 1e-3, F.avg_pool2d(truth, 4) + 1e-3, dim=1).mean()


_TERMS = {"charbonnier": charbonnier, "ssim": structural, "brightness": brightness, "colour": colour}


def picture_loss(y: Tensor, truth: Tensor, weights: PictureLoss) -> tuple[Tensor, dict[str, Tensor]]:
    """Weighted sum of the terms that have a weight, and each term for the curve."""
    parts = {
        name: term(y, truth) for name, term in _TERMS.items() if getattr(weights, name) > 0
    }
    total = sum((getattr(weights, name) * value for name, value in parts.items()), y.new_zeros(()))
    return total, parts
