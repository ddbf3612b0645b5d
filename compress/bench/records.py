"""What ``compress bench`` writes."""

from __future__ import annotations

from typing import Literal

from compress.records import Record, RuntimeName

What = Literal["model only", "end to end"]


class BenchRow(Record):
    """A build's runs, all builds in turn, each of ``batch`` pictures; ``fps`` counts pictures.

    *End to end* reads a PNG for each picture, runs the build, and writes as many. ``tiles``: into how many of the
    build's size a picture of ``height`` and ``width`` was cut, run one after the other; None: it was run at once.
    """

    build: str
    runtime: RuntimeName
    what: What
    height: int
    width: int
    batch: int = 1
    tiles: int | None = None
    p50_ms: float
    p90_ms: float
    p99_ms: float
    fps: float
    samples_ms: tuple[float, ...]


class Sustained(Record):
    """A build run without a pause, model only, a batch a run; ``fps`` counts pictures.

    ``drift``: p50 of the last quarter of the time over that of the first, minus one.
    """

    build: str
    seconds: float
    runs: int
    quarters_p50_ms: tuple[float, float, float, float]
    drift: float
    fps: float


class BenchReport(Record):
    """Everything was measured on ``device``; facts of it before and after, where they differ under ``NAME_after``.

    ``not_as_wanted``: which conditions of the target were not met; then there are no rows. ``halo_px``: of tiles.
    """

    device: str
    fingerprint: dict[str, str]
    threads: int
    rows: tuple[BenchRow, ...]
    sustained: tuple[Sustained, ...] = ()
    batch: int = 1
    halo_px: int | None = None
    not_as_wanted: tuple[str, ...] = ()
