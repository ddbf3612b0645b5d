"""Candidate and baseline, run in the same rounds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from compress.devices.remote import Tell
from compress.runtimes.on_board import Named, Timing, run_builds
from compress.runtimes.site import Site

_LONG_ENOUGH_S = 120.0
_FEWEST = 30
_WARMUP = 10


Times = tuple[tuple[float, ...], tuple[float, ...]]
"""Milliseconds of the candidate's and of the baseline's runs, round by round."""


def same_bytes(one: Named, other: Named) -> bool:
    """Whether the files of both are equal, so that there is nothing to time."""
    mine, theirs = (sorted(each.folder / name for name in each.build.files) for each in (one, other))
    return len(mine) == len(theirs) and all(a.read_bytes() == b.read_bytes() for a, b in zip(mine, theirs, strict=True))


@dataclass(frozen=True)
class Paired:
    """What came of it, and the machine before and after. ``times``: None where ``unmet`` says what is not as wanted."""

    times: Times | None
    device: str
    fingerprint: dict[str, str]
    unmet: tuple[str, ...]


def paired(candidate: Named, baseline: Named, rounds: int, site: Site, tell: Tell) -> Paired:
    """Time both at ``site``. Raises BuildError, DeviceError, and Busy."""
    if site.board is None:
        return _here(candidate, baseline, rounds, site, tell)
    done = run_builds(site.board, (candidate, baseline), (), site.options, Timing(_WARMUP, rounds), tell)
    unmet, samples = done.unmet(), done.samples_ms
    times = None if unmet else (samples[candidate.name], samples[baseline.name])
    return Paired(times, done.name(site.board.host), done.fingerprint(), unmet)


def _here(candidate: Named, baseline: Named, rounds: int, site: Site, tell: Tell) -> Paired:
    """On this machine, in fewer ``rounds`` where they would take long."""
    from compress.devices.local import measured
    from compress.devices.runner.fingerprint import device_name

    def both() -> Times:
        return paired_ms((_prepared(candidate, site), _prepared(baseline, site)), rounds, tell)

    done = measured(site.here, both, lambda line: tell(0, 1, f"this machine {line}"))
    return Paired(done.value, device_name(), done.fingerprint, done.unmet)


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


def _prepared(side: Named, site: Site) -> Callable[[], None]:
    from compress.runtimes import open_runtime
    from compress.runtimes.picture import dark_noise, to_batch

    build = side.build
    session = open_runtime(build.runtime).load(side.folder, build.files, site.options_for(build))
    return session.prepare(to_batch(dark_noise(build.height or 0, build.width or 0), build.contract.size_multiple))
