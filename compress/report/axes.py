"""What drawings of dB against a cost share: round values along an axis, and the path along what nothing beats."""

from __future__ import annotations

import math
from collections.abc import Iterable


def round_step(low: float, high: float, fewest: int) -> float:
    """The largest of 10^n, halved as often as needed, that fits ``fewest`` times between two ends."""
    step = 10.0 ** math.floor(math.log10(high - low))
    while (high - low) / step < fewest:
        step /= 2
    return step


def round_values(low: float, high: float, step: float) -> tuple[float, ...]:
    """The multiples of ``step`` from ``low`` to ``high``, rising."""
    return tuple(place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1))


def staircase(points: Iterable[tuple[float, float]]) -> str:
    """An SVG path through places in their order, first across, then up; empty without any."""
    path = ""
    for x, y in points:
        path += f"H{x:g}V{y:g}" if path else f"M{x:g} {y:g}"
    return path
