"""Imitation of a teacher's features where objects are, place by place.

Both networks look at one scene, one of them in the dark, so a place of a map is the same place for both. What a small
network takes over first is what a detector needs: within boxes a difference weighs ten times as much as beside them
(fine-grained imitation, Wang et al., CVPR 2019; both weighed, Guo et al., "DeFeat", CVPR 2021). Each channel is
brought to mean 0 and deviation 1 on both sides, so that patterns are compared and not strengths, which differ between
networks (PKD, Cao et al., NeurIPS 2022).
"""

from __future__ import annotations

import torch
from torch import Tensor

from compress.data.batches import BoxTargets

BESIDE = 0.1
"""Weight of a place without an object; of one with an object it is 1."""


def foreground(targets: BoxTargets, height: int, width: int, size: tuple[int, int], device: torch.device) -> Tensor:
    """Weights (N, 1, h, w) of a map's places, of a picture with ``size`` (H, W): 1 in boxes, .1 beside them.

    A place counts as in a box by its centre, or where the box is too small to hold one, by the nearest to its middle.
    """
    corners, there = targets.corners.to(device), targets.labels.to(device) >= 0
    step = corners.new_tensor((size[1] / width, size[0] / height) * 2)
    first = torch.ceil(corners[..., :2] / step[:2] - 0.5)
    last = torch.floor(corners[..., 2:] / step[2:] - 0.5)
    middle = torch.floor((corners[..., :2] + corners[..., 2:]) / 2 / step[:2])
    first, last = torch.minimum(first, middle), torch.maximum(last, middle)
    columns, rows = torch.arange(width, device=device), torch.arange(height, device=device)
    across = (columns >= first[..., :1]) & (columns <= last[..., :1])
    down = (rows >= first[..., 1:]) & (rows <= last[..., 1:])
    inside = (down[..., :, None] & across[..., None, :] & there[..., None, None]).any(1, keepdim=True)
    return torch.where(inside, 1.0, BESIDE)


def normed(features: Tensor) -> Tensor:
    """(N, C, h, w) with mean 0 and deviation 1 in each channel, over all pictures and places."""
    deviation, mean = torch.std_mean(features, (0, 2, 3), keepdim=True, correction=0)
    return (features - mean) / (deviation + 1e-3)


def object_imitation(mine: Tensor, theirs: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean square of the difference of normed features (N, C, h, w); ``weights`` (N, 1, h, w)."""
    apart = ((normed(mine) - normed(theirs)) ** 2).mean(1, keepdim=True)
    return (apart * weights).sum() / weights.sum()
