"""Wall times of builds, taken in turn."""

from __future__ import annotations

import math
import random
import statistics
import time
from typing import Callable, Mapping, NamedTuple

SLOW_MS = 100.0
"""A build that takes n times this long takes part in every n-th round only, so that it does not take the hour."""

MIN_RUNS = 10

LONG_ENOUGH_S = 120.0
"""Where every build takes part in every round, none is begun after this, once there are ``FEWEST_ROUNDS``."""

FEWEST_ROUNDS = 30

Tell = Callable[[int, int], None]
"""Called with rounds done and rounds in all."""


def measure_latency(
    builds: Mapping[str, Callable[[], None]],
    warmup: int,
    runs: int,
    tell: Tell | None = None,
    every_round: bool = False,
) -> dict[str, tuple[float, ...]]:
    """Wall time in ms of each build's runs, interleaved A B C C A B ..., so that all see the same machine.

    Each round has an order of its own, the same at every call: a build finds in the caches what the one before it
    left there, and in a fixed order that would always be the same one, at worst the largest.
    Every build is warmed up ``warmup`` times first and then timed ``runs`` times; one slower than
    ``SLOW_MS`` less often, but at least ``MIN_RUNS`` times (or ``runs``, if that is less).
    With ``every_round`` each round has all of them, so that they can be compared round by round; slow ones get fewer
    rounds then.
    """
    every = {name: _stride(_warm(run, warmup), runs) for name, run in builds.items()}
    if every_round:
        every = dict.fromkeys(every, 1)
    started = time.perf_counter()
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
        if every_round and round_ + 1 >= FEWEST_ROUNDS and time.perf_counter() - started > LONG_ENOUGH_S:
            break
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


class Lasting(NamedTuple):
    """A build run without a pause for ``seconds``; the median of its runs in each quarter of that time, in ms."""

    seconds: float
    runs: int
    quarters_p50_ms: tuple[float, float, float, float]


def without_pause(run: Callable[[], None], seconds: float, tell: Callable[[float], None]) -> Lasting:
    """Run for ``seconds``, and until each quarter of them has a run; ``tell``: what has passed, every second or so."""
    quarters: list[list[float]] = [[], [], [], []]
    started = time.perf_counter()
    told = passed = 0.0
    while passed < seconds or not all(quarters):
        began = time.perf_counter()
        run()
        # A build slower than a quarter of the time still fills each of them once.
        wanted = min(3, int(4 * passed / seconds))
        place = next((k for k in range(wanted) if not quarters[k]), wanted)
        quarters[place].append((time.perf_counter() - began) * 1e3)
        passed = time.perf_counter() - started
        if passed >= told + 1.0:
            told = passed
            tell(min(passed, seconds))
    one, two, three, four = (statistics.median(samples) for samples in quarters)
    return Lasting(passed, sum(map(len, quarters)), (one, two, three, four))


def percentile(samples_ms: tuple[float, ...], share: float) -> float:
    """Linear interpolation between order statistics, like ``numpy.percentile``; ``share`` in [0, 1]."""
    ordered = sorted(samples_ms)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
