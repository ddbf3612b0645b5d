"""The timings of each build as the geometry of a small histogram."""

from __future__ import annotations

from dataclasses import dataclass

from compress.records import SpeedReport, SpeedRow

WIDTH, HEIGHT = 320, 40
_BINS = 40


@dataclass(frozen=True)
class Bar:
    """A bin, in units of the drawing."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Mark:
    """A percentile: where it lies in the drawing, and its milliseconds; ``beyond``: it lies right of it."""

    name: str
    x: float
    ms: float
    beyond: bool


@dataclass(frozen=True)
class Strip:
    """One build. ``beyond``: runs that took longer than ``high_ms``, where the drawing ends."""

    row: SpeedRow
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    low_ms: float
    high_ms: float
    beyond: int
    longest_ms: float


def strips(speed: SpeedReport) -> tuple[Strip, ...]:
    """A drawing for each build that was timed, each with a scale of its own."""
    return tuple(_strip(row) for row in speed.rows if row.samples_ms)


def _strip(row: SpeedRow) -> Strip:
    low = min(row.samples_ms)
    # The few runs that the machine disturbed must not press all the others into the first bin.
    high = min(max(row.samples_ms), max(2 * row.p90_ms - low, low + row.p50_ms * 0.01))
    span = high - low or 1.0
    counts = [0] * _BINS
    for sample in row.samples_ms:
        if sample <= high:
            counts[min(_BINS - 1, int((sample - low) / span * _BINS))] += 1
    tallest, width = max(counts), WIDTH / _BINS
    bars = tuple(
        Bar(round(place * width, 2), round(HEIGHT * (1 - count / tallest), 2), round(width * 0.85, 2),
            round(HEIGHT * count / tallest, 2))
        for place, count in enumerate(counts) if count
    )  # fmt: skip
    percentiles = (("p50", row.p50_ms), ("p90", row.p90_ms), ("p99", row.p99_ms))
    marks = tuple(
        Mark(name, round(min((ms - low) / span * WIDTH, WIDTH - 1), 2), ms, ms > high) for name, ms in percentiles
    )
    return Strip(row, bars, marks, low, high, sum(ms > high for ms in row.samples_ms), max(row.samples_ms))
