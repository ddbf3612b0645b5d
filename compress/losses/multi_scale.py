"""One minus MS-SSIM as a loss: as many scales as the pictures have, and a gradient that stays finite.

The library that measures MS-SSIM refuses pictures of fewer than five scales, which shrunk training pictures are, and
raises the zeros of what correlates negatively to powers below 1, whose gradient is no number.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW, SIGMA = 7, 1.5
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""From the finest scale on (Wang et al., "Multi-scale structural similarity", Asilomar 2003)."""

LEAST = 1e-2
"""Similarity below which a scale is as bad as it gets."""

_STABLE1, _STABLE2 = 0.01**2, 0.03**2


def multi_scale(y: Tensor, truth: Tensor) -> Tensor:
    """One minus MS-SSIM of (N, C, H, W) in [0, 1], sides of 7 and more, with a Gaussian 7x7 window, sigma 1.5.

    Fewer scales share the weights of the five. Structure counts at all of them, luminance at the coarsest.
    """
    count = sum(min(y.shape[2:]) >> scale >= WINDOW for scale in range(len(SCALE_WEIGHTS)))
    weights = [weight / sum(SCALE_WEIGHTS[:count]) for weight in SCALE_WEIGHTS[:count]]
    similarity = y.new_ones(y.shape[:2])
    for scale, weight in enumerate(weights):
        luminance, structure = _similarities(y, truth)
        last = scale == count - 1
        found = (structure * luminance if last else structure).mean((2, 3))
        similarity = similarity * found.clamp(min=LEAST) ** weight
        if not last:
            y, truth = F.avg_pool2d(y, 2), F.avg_pool2d(truth, 2)
    return 1.0 - similarity.mean()


def _similarities(y: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Of luminance, and of contrast and structure, at every place that the window fits."""
    mean_y, mean_t = _blurred(y), _blurred(truth)
    var_y, var_t = _blurred(y * y) - mean_y**2, _blurred(truth * truth) - mean_t**2
    both = _blurred(y * truth) - mean_y * mean_t
    luminance = (2 * mean_y * mean_t + _STABLE1) / (mean_y**2 + mean_t**2 + _STABLE1)
    return luminance, (2 * both + _STABLE2) / (var_y + var_t + _STABLE2)


def _blurred(picture: Tensor) -> Tensor:
    places = torch.arange(WINDOW, dtype=picture.dtype, device=picture.device) - WINDOW // 2
    line = torch.exp(-(places**2) / (2 * SIGMA**2))
    line = (line / line.sum()).view(1, 1, 1, WINDOW).repeat(picture.shape[1], 1, 1, 1)
    across = F.conv2d(picture, line, groups=picture.shape[1])
    return F.conv2d(across, line.transpose(2, 3), groups=picture.shape[1])
