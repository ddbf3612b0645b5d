"""What ``compress bench`` writes."""

from __future__ import annotations

from typing import Literal

from compress.records import Record, RuntimeName

What = Literal["model only", "end to end"]


class BenchRow(Record):
    """A build's runs, all builds in turn, batch 1. *End to end* reads a PNG, runs the build, and writes a PNG."""

    build: str
    runtime: RuntimeName
    what: What
    height: int
    width: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    fps: float
    samples_ms: tuple[float, ...]


class Sustained(Record):
    """A build run without a pause, model only. ``drift``: p50 of the last quarter of the time over that of the first,
    minus one."""

    build: str
    seconds: float
    runs: int
    quarters_p50_ms: tuple[float, float, float, float]
    drift: float
    fps: float


class BenchReport(Record):
    """Everything was measured on ``device``; facts of it before and after, where they differ under ``NAME_after``."""

    device: str
    fingerprint: dict[str, str]
    threads: int
    rows: tuple[BenchRow, ...]
    sustained: tuple[Sustained, ...] = ()
