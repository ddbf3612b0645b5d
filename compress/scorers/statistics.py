"""Luminance and colour of a picture in numbers that say nothing of what it shows, differentiable."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from compress.models.isp_filters import LUMA

CELLS = 32
"""Cells a side of the grid over the whole picture; a smaller picture has as many as pixels."""

BINS = 16
STATISTICS = BINS + 6 + 8 + 4

_FLOOR = 0.05
"""Added to luma where something is divided by it."""


def statistics_of(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) in [0, 1] to (N, ``STATISTICS``): all are means over cells, so where things are does not count.

    Histogram of luma (soft, 16 bins); mean and spread of R, G and B; of R - G and B - G as they are and over luma;
    spread inside of cells, its spread from cell to cell, the same over luma, and how much pixels differ from the next.
    """
    grid = (min(CELLS, pictures.shape[2]), min(CELLS, pictures.shape[3]))
    shares = pictures.new_tensor(LUMA).view(1, 3, 1, 1)
    fine = (pictures * shares).sum(1, keepdim=True)
    colours = F.adaptive_avg_pool2d(pictures, grid)
    luma = (colours * shares).sum(1, keepdim=True)
    chroma = colours[:, (0, 2)] - colours[:, 1:2]
    inside = _root(F.adaptive_avg_pool2d(fine * fine, grid) - F.adaptive_avg_pool2d(fine, grid) ** 2)
    rough = (fine[..., 1:] - fine[..., :-1]).abs().mean((1, 2, 3))[:, None]
    relative = chroma / (luma + _FLOOR)
    parts = [
        _histogram(luma), _mean(colours), _spread(colours), _mean(chroma), _spread(chroma), _mean(relative),
        _spread(relative), _mean(inside), _spread(inside), _mean(inside / (luma + _FLOOR)), rough,
    ]  # fmt: skip
    return torch.cat(parts, dim=1)


def _histogram(luma: Tensor) -> Tensor:
    """Shares of cells (N, 1, h, w) near the middle of each bin, (N, ``BINS``)."""
    middles = (torch.arange(BINS, device=luma.device, dtype=luma.dtype) + 0.5) / BINS
    near = torch.exp(-0.5 * ((luma - middles.view(1, -1, 1, 1)) * BINS) ** 2)
    return near.mean((2, 3))


def _mean(cells: Tensor) -> Tensor:
    return cells.mean((2, 3))


def _spread(cells: Tensor) -> Tensor:
    return _root(cells.var((2, 3), correction=0))


def _root(values: Tensor) -> Tensor:
    """With a finite gradient at zero, and of what rounding made negative."""
    return torch.sqrt(values.clamp(min=0.0) + 1e-6)
