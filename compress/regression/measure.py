"""Candidate and baseline, run in the same rounds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from compress.devices.remote import Tell
from compress.records import Build
from compress.runtimes.base import RunOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_LONG_ENOUGH_S = 120.0
_FEWEST = 30
_WARMUP = 10


@dataclass(frozen=True)
class Side:
    """A build of one side, and where its files lie."""

    folder: Path
    build: Build

    def same_bytes(self, other: Side) -> bool:
        """Whether the files of both are equal, so that there is nothing to time."""
        mine, theirs = (sorted(side.folder / name for name in side.build.files) for side in (self, other))
        return len(mine) == len(theirs) and all(
            one.read_bytes() == two.read_bytes() for one, two in zip(mine, theirs, strict=True)
        )


Times = tuple[tuple[float, ...], tuple[float, ...]]
"""Milliseconds of the candidate's and of the baseline's runs, round by round."""


def paired_here(candidate: Side, baseline: Side, rounds: int, options: RunOptions, tell: Tell) -> Times:
    """Time both on this machine, fewer ``rounds`` where they would take long. Raises BuildError, and Busy."""
    from compress.devices.local import exclusive

    with exclusive():
        runs = _prepared(candidate, options), _prepared(baseline, options)
        return paired_ms(runs, rounds, tell)


def paired_on_board(
    host: str, python: str, candidate: Side, baseline: Side, rounds: int, options: RunOptions, tell: Tell
) -> Times:
    """The same on a board that ssh knows. Raises BuildError, DeviceError, and Busy."""
    from compress.runtimes.on_board import Board, Named, Timing, run_builds

    named = Named("candidate", candidate.folder, candidate.build), Named("baseline", baseline.folder, baseline.build)
    done = run_builds(Board(host, python), named, (), options, Timing(_WARMUP, rounds), tell)
    return done.samples_ms["candidate"], done.samples_ms["baseline"]


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


def _prepared(side: Side, options: RunOptions) -> Callable[[], None]:
    from compress.runtimes import open_runtime
    from compress.runtimes.picture import to_batch

    build = side.build
    session = open_runtime(build.runtime).load(side.folder, build.files, options)
    return session.prepare(to_batch(_dark(build), build.contract.size_multiple))


def _dark(build: Build) -> NDArray[np.uint8]:
    import numpy as np

    assert build.height is not None and build.width is not None
    return np.random.default_rng(0).integers(0, 64, (build.height, build.width, 3), np.uint8)
