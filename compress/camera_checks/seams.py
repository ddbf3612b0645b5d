"""What shows where a large frame is put together from tiles, against the same frame at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.camera_checks.records import Seams
from compress.runtimes.tiles import Span, spans

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

_NEAR_PX = 8


def compare_tiled(put_together: Picture, whole: Picture, tile: tuple[int, int], halo: int, scale: int = 1) -> Seams:
    """What the tiles changed, near the cuts and elsewhere; ``tile`` and ``halo`` are the input's pixels."""
    import numpy as np

    sides = (whole.shape[axis] // scale for axis in (0, 1))
    rows, columns = (_larger(spans(side, length, halo), scale) for side, length in zip(sides, tile, strict=True))
    difference = (put_together.astype(np.float64) - whole).mean(axis=2)
    near = np.zeros(difference.shape, bool)
    for cut in (each.first for each in rows[1:]):
        near[cut - _NEAR_PX : cut + _NEAR_PX] = True
    for cut in (each.first for each in columns[1:]):
        near[:, cut - _NEAR_PX : cut + _NEAR_PX] = True
    size = np.abs(difference)
    return Seams(
        near_mean_codes=float(size[near].mean()), near_max_codes=float(size[near].max()),
        elsewhere_mean_codes=float(size[~near].mean()), elsewhere_max_codes=float(size[~near].max()),
        step_codes=_worst_step(difference, rows, columns),
        tile_spread_percent=_spread_percent(put_together, whole, rows, columns),
    )  # fmt: skip


def _larger(found: tuple[Span, ...], scale: int) -> tuple[Span, ...]:
    """The same places in an answer of ``scale`` times the size."""
    return tuple(Span(scale * each.start, scale * each.first, scale * each.last) for each in found)


def _worst_step(difference: NDArray[np.float64], rows: tuple[Span, ...], columns: tuple[Span, ...]) -> float:
    """Along each edge that two tiles share: how far the difference jumps there, on average over the edge."""
    across = [
        abs(float((difference[row.first : row.last, c.first] - difference[row.first : row.last, c.first - 1]).mean()))
        for row in rows for c in columns[1:]
    ]  # fmt: skip
    down = [
        abs(float((difference[r.first, c.first : c.last] - difference[r.first - 1, c.first : c.last]).mean()))
        for r in rows[1:] for c in columns
    ]  # fmt: skip
    return max((*across, *down))


def _spread_percent(tiles: Picture, whole: Picture, rows: tuple[Span, ...], columns: tuple[Span, ...]) -> float:
    import numpy as np

    parts = [(slice(r.first, r.last), slice(c.first, c.last)) for r in rows for c in columns]
    logs = [np.log((tiles[part].mean() + 1e-3) / (whole[part].mean() + 1e-3)) for part in parts]
    return 100.0 * float(np.std(logs, ddof=1))
