"""This machine as a device: one measurement at a time, builds timed in turn."""

from __future__ import annotations

import json
import math
import os
import random
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from compress.errors import Busy

SLOW_MS = 100.0
"""A build that takes n times this long takes part in every n-th round only, so that it does not take the hour."""

MIN_RUNS = 10

Tell = Callable[[int, int], None]
"""Called with rounds done and rounds in all."""


def measure_latency(
    builds: Mapping[str, Callable[[], None]], warmup: int, runs: int, tell: Tell | None = None
) -> dict[str, tuple[float, ...]]:
    """Wall time in ms of each build's runs, interleaved A B C C A B ..., so that all see the same machine.

    Each round has an order of its own, the same at every call: a build finds in the caches what the one before it
    left there, and in a fixed order that would always be the same one, at worst the largest.
    Every build is warmed up ``warmup`` times first and then timed ``runs`` times; one slower than
    ``SLOW_MS`` less often, but at least ``MIN_RUNS`` times (or ``runs``, if that is less).
    """
    every = {name: _stride(_warm(run, warmup), runs) for name, run in builds.items()}
    samples: dict[str, list[float]] = {name: [] for name in builds}
    chance = random.Random(0)
    for round_ in range(runs):
        for name, run in chance.sample(list(builds.items()), len(builds)):
            if round_ % every[name] == 0:
                started_ns = time.perf_counter_ns()
                run()
                samples[name].append((time.perf_counter_ns() - started_ns) / 1e6)
        if tell:
            tell(round_ + 1, runs)
    return {name: tuple(values) for name, values in samples.items()}


def _warm(run: Callable[[], None], times: int) -> float:
    """Fastest of the warm-up runs in ms; a slow build is warm after two."""
    fastest_ms = math.inf
    for done in range(max(times, 1)):
        started_ns = time.perf_counter_ns()
        run()
        fastest_ms = min(fastest_ms, (time.perf_counter_ns() - started_ns) / 1e6)
        if done and fastest_ms > SLOW_MS:
            break
    return fastest_ms


def _stride(run_ms: float, runs: int) -> int:
    return max(1, min(math.ceil(run_ms / SLOW_MS), runs // MIN_RUNS))


def percentile(samples_ms: tuple[float, ...], share: float) -> float:
    """Linear interpolation between order statistics, like ``numpy.percentile``; ``share`` in [0, 1]."""
    ordered = sorted(samples_ms)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


@contextmanager
def exclusive(wait_s: float = 600.0, folder: Path | None = None) -> Iterator[None]:
    """Hold this machine for one measurement; others wait.

    The lock is the operating system's, so it ends with the process that holds it, killed or not: no
    stale lock needs an expiry. Raises Busy after ``wait_s``, naming the holder.
    """
    place = folder or Path(tempfile.gettempdir())
    name = place / f"compress-local-device-{os.getuid() if hasattr(os, 'getuid') else 0}"
    lock, owner = FileLock(f"{name}.lock"), Path(f"{name}.json")
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise Busy(f"this machine is measured by {_owner(owner)}; wait for it or end it ({lock.lock_file})") from None
    try:
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        owner.write_text(json.dumps(facts), encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _owner(path: Path) -> str:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return f"process {facts['pid']} since {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
