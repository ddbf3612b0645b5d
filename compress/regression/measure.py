"""Candidate and baseline, run in the same rounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compress.devices.remote import Tell
from compress.devices.runner.timing import measure_latency
from compress.runtimes.on_board import Named, Timing, run_builds
from compress.runtimes.site import Site

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
    """Time both at ``site``, in fewer ``rounds`` where that would take long.

    Raises BuildError, DeviceError, and Busy.
    """
    if site.board is None:
        return _here(candidate, baseline, rounds, site, tell)
    timing = Timing(_WARMUP, rounds, every_round=True)
    done = run_builds(site.board, (candidate, baseline), (), site.options, timing, tell)
    unmet, samples = done.unmet(), done.samples_ms
    times = None if unmet else (samples[candidate.name], samples[baseline.name])
    return Paired(times, done.name(site.board.host), done.fingerprint(), unmet)


def _here(candidate: Named, baseline: Named, rounds: int, site: Site, tell: Tell) -> Paired:
    from compress.devices.local import measured
    from compress.devices.runner.fingerprint import device_name

    def both() -> Times:
        return paired_ms((_prepared(candidate, site), _prepared(baseline, site)), rounds, tell)

    done = measured(site.here, both, lambda line: tell(0, 1, f"this machine {line}"))
    return Paired(done.value, device_name(), done.fingerprint, done.unmet)


def paired_ms(runs: tuple[Callable[[], None], Callable[[], None]], rounds: int, tell: Tell) -> Times:
    """Wall time of both runs in every round, in an order drawn for each round; fewer where they would take long."""
    sides = {"candidate": runs[0], "baseline": runs[1]}

    def told(done: int, total: int) -> None:
        tell(done, total, "candidate and baseline in turn")

    samples = measure_latency(sides, _WARMUP, rounds, told, every_round=True)
    return samples["candidate"], samples["baseline"]


def _prepared(side: Named, site: Site) -> Callable[[], None]:
    from compress.runtimes import open_runtime
    from compress.runtimes.picture import dark_noise, to_batch

    build = side.build
    session = open_runtime(build.runtime).load(side.folder, build.files, site.options_for(build))
    return session.prepare(to_batch(dark_noise(build.height or 0, build.width or 0), build.contract.size_multiple))
