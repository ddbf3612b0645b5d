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


def tiled(run: Run, dark: Picture, tile: tuple[int, int], halo: int, scale: int = 1) -> Picture:
    """``dark`` (H, W, 3) uint8 through ``run``, tile by tile; ``scale``: sides of the answer over the input's.

    Raises ValueError as ``spans`` does.
    """
    import numpy as np

    out = np.empty((scale * dark.shape[0], scale * dark.shape[1], dark.shape[2]), dark.dtype)
    for row in spans(dark.shape[0], tile[0], halo):
        for column in spans(dark.shape[1], tile[1], halo):
            piece = dark[row.start : row.start + tile[0], column.start : column.start + tile[1]]
            made = run(np.ascontiguousarray(piece))
            out[_part(row, 0, scale), _part(column, 0, scale)] = made[
                _part(row, row.start, scale), _part(column, column.start, scale)
            ]
    return out


def _part(span: Span, start: int, scale: int) -> slice:
    return slice(scale * (span.first - start), scale * (span.last - start))


def tile_count(height: int, width: int, tile: tuple[int, int], halo: int) -> int:
    """How many tiles ``tiled`` runs for a picture of this size. Raises ValueError as ``spans`` does."""
    return len(spans(height, tile[0], halo)) * len(spans(width, tile[1], halo))
