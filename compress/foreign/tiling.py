"""A picture through a network that is run on tiles of one size only."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from compress.models.enhance import pad_to_size
from compress.runtimes.tiles import spans


def in_tiles(run: Callable[[Tensor], Tensor], x: Tensor, tile: tuple[int, int], overlap: int, padding: str) -> Tensor:
    """(N, 3, H, W) of any size through ``run``, which takes (N, 3, *tile) and keeps the size.

    Neighbours share at least ``overlap`` pixels, one more where that is odd, and are cut in the middle of them. A side
    shorter than its tile is filled up by ``padding``.
    """
    whole = pad_to_size(x, max(x.shape[2], tile[0]), max(x.shape[3], tile[1]), padding)
    out = torch.empty_like(whole)
    halo = (overlap + 1) // 2
    for row in spans(whole.shape[2], tile[0], halo):
        for column in spans(whole.shape[3], tile[1], halo):
            y = run(whole[:, :, row.start : row.start + tile[0], column.start : column.start + tile[1]].contiguous())
            out[:, :, row.first : row.last, column.first : column.last] = y[
                :, :, row.first - row.start : row.last - row.start,
                column.first - column.start : column.last - column.start,
            ]  # fmt: skip
    return out[:, :, : x.shape[2], : x.shape[3]]
