"""Candidate and baseline, run in the same rounds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from compress.devices.remote import Tell
from compress.runtimes.base import RunOptions
from compress.runtimes.on_board import Board, Named, Timing, run_builds

_LONG_ENOUGH_S = 120.0
_FEWEST = 30
_WARMUP = 10


Times = tuple[tuple[float, ...], tuple[float, ...]]
"""Milliseconds of the candidate's and of the baseline's runs, round by round."""


def same_bytes(one: Named, other: Named) -> bool:
    """Whether the files of both are equal, so that there is nothing to time."""
    mine, theirs = (sorted(each.folder / name for name in each.build.files) for each in (one, other))
    return len(mine) == len(theirs) and all(a.read_bytes() == b.read_bytes() for a, b in zip(mine, theirs, strict=True))


def paired_here(candidate: Named, baseline: Named, rounds: int, options: RunOptions, tell: Tell) -> Times:
    """Time both on this machine, fewer ``rounds`` where they would take long. Raises BuildError, and Busy."""
    from compress.devices.local import exclusive

    with exclusive():
        runs = _prepared(candidate, options), _prepared(baseline, options)
        return paired_ms(runs, rounds, tell)


def paired_on_board(
    host: str, python: str, candidate: Named, baseline: Named, rounds: int, options: RunOptions, tell: Tell
) -> Times:
    """The same on a board that ssh knows. Raises BuildError, DeviceError, and Busy."""
    done = run_builds(Board(host, python), (candidate, baseline), (), options, Timing(_WARMUP, rounds), tell)
    return done.samples_ms[candidate.name], done.samples_ms[baseline.name]


def paired_ms(runs: tuple[Callable[[], None], Callable[[], None]], rounds: int, tell: Tell) -> Times:
    """Wall time of both runs in every round, in an order drawn for each round."""
    for run in runs:
        for _ in range(_WARMUP):
            run()
    chance, started = random.Random(0), time.perf_counter()
    samples: tuple[list[float], list[float]] = ([], [])
    for done in range(rounds):
        for side in chance.sample((0, 1), 2):
            began = time.perf_counter_ns()
            runs[side]()
            samples[side].append((time.perf_counter_ns() - began) / 1e6)
        tell(done + 1, rounds, "candidate and baseline in turn")
        if done + 1 >= _FEWEST and time.perf_counter() - started > _LONG_ENOUGH_S:
            break
    return tuple(samples[0]), tuple(samples[1])


def _prepared(side: Named, options: RunOptions) -> Callable[[], None]:
    from compress.runtimes import open_runtime
    from compress.runtimes.picture import dark_noise, to_batch

    build = side.build
    session = open_runtime(build.runtime).load(side.folder, build.files, options)
    return session.prepare(to_batch(dark_noise(build.height or 0, build.width or 0), build.contract.size_multiple))
