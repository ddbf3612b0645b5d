"""A large picture through a build of a smaller fixed size, tile by tile, put together again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Run = Callable[[Picture], Picture]


@dataclass(frozen=True)
class Span:
    """Along one side: a tile begins at ``start``, and gives the pixels from ``first`` up to ``last``."""

    start: int
    first: int
    last: int


def spans(side: int, tile: int, halo: int) -> tuple[Span, ...]:
    """Tiles of length ``tile`` over ``side``, each overlapping the next by at least ``2 * halo``, cut in the middle.

    Raises ValueError where a tile is longer than the side or has nothing left between its halos.
    """
    if not 2 * halo < tile <= side:
        raise ValueError(f"tiles of {tile} with a halo of {halo} on a side of {side}")
    starts = [*range(0, side - tile, tile - 2 * halo), side - tile]
    cuts = [0, *((a + tile + b) // 2 for a, b in zip(starts, starts[1:], strict=False)), side]
    return tuple(Span(*each) for each in zip(starts, cuts, cuts[1:], strict=False))


def tiled(run: Run, dark: Picture, tile: tuple[int, int], halo: int) -> Picture:
    """``dark`` (H, W, 3) uint8 through ``run``, tile by tile. Raises ValueError as ``spans`` does."""
    import numpy as np

    out = np.empty_like(dark)
    for row in spans(dark.shape[0], tile[0], halo):
        for column in spans(dark.shape[1], tile[1], halo):
            piece = dark[row.start : row.start + tile[0], column.start : column.start + tile[1]]
            made = run(np.ascontiguousarray(piece))
            out[row.first : row.last, column.first : column.last] = made[
                row.first - row.start : row.last - row.start, column.first - column.start : column.last - column.start
            ]
    return out


def tile_count(height: int, width: int, tile: tuple[int, int], halo: int) -> int:
    """How many tiles ``tiled`` runs for a picture of this size. Raises ValueError as ``spans`` does."""
    return len(spans(height, tile[0], halo)) * len(spans(width, tile[1], halo))
