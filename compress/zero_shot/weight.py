"""How much of what a network adds to its start is to be believed, where the start may be the better answer."""

from __future__ import annotations

from dataclasses import replace

import torch

from compress.zero_shot.batches import Views
from compress.zero_shot.net import OwnNet

_AT_ALL_SCALES = 2.4
"""Over the scale, at most 1: the more two scales differ, the less of what is right at one is right at the other."""


def shown(views: Views, scale: int) -> Views:
    """``views`` without the right quarter of what the picture was made to, and of its truth."""
    edge = _edge(views)
    return replace(
        views, low=views.low[..., :edge], low_start=views.low_start[..., : scale * edge],
        truth=views.truth[..., : scale * edge],
    )  # fmt: skip


@torch.no_grad()
def weight(net: OwnNet, views: Views, scale: int) -> float:
    """In [0, 1]: by least squares, what the start of that quarter needs of what ``net``, trained on ``shown``, adds.

    Times what the scale allows (``_AT_ALL_SCALES``).
    """
    hidden = (..., slice(scale * _edge(views), None))
    start = views.low_start[hidden]
    added = net.eval()(views.low, views.low_start)[hidden] - start
    needed = float((added * (views.truth[hidden] - start)).sum() / (added**2).sum().clamp(min=1e-12))
    return min(1.0, _AT_ALL_SCALES / scale) * min(1.0, max(0.0, needed))


def _edge(views: Views) -> int:
    width = views.low.shape[3]
    return width - width // 4
