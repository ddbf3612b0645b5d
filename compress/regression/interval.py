"""Bootstrap intervals for paired differences (Efron & Tibshirani, 1993; moving blocks: Kuensch, Ann. Stat. 1989)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]

CONFIDENCE = 0.99
_RESAMPLES = 2000
_BLOCK = 10
"""Rounds that are resampled together: what disturbs a machine lasts for several of them."""


def mean_interval(values: tuple[float, ...]) -> tuple[float, float, float]:
    """Mean of paired differences, with the ends of its interval; one value has no interval but itself."""
    import numpy as np

    return _interval(np.asarray(values, np.float64), 1, lambda drawn: drawn.mean(axis=1))


def median_interval(values: tuple[float, ...]) -> tuple[float, float, float]:
    """Median of differences in the order they were measured in, with the ends of its interval."""
    import numpy as np

    block = max(1, min(_BLOCK, len(values) // 5))
    return _interval(np.asarray(values, np.float64), block, lambda drawn: np.median(drawn, axis=1))


def _interval(values: Values, block: int, figure: Callable[[Values], Values]) -> tuple[float, float, float]:
    import numpy as np

    rng = np.random.default_rng(0)
    blocks = -(-len(values) // block)
    starts = rng.integers(0, len(values) - block + 1, (_RESAMPLES, blocks))
    places = (starts[:, :, None] + np.arange(block)).reshape(_RESAMPLES, -1)[:, : len(values)]
    low, high = np.quantile(figure(values[places]), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(figure(values[None])[0]), float(low), float(high)
