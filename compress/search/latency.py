"""Candidates on the device: each in turn with the recipe's own build, so that a busy minute decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from compress.devices.remote import Tell
from compress.errors import Busy, DeviceError, NotMeasurable
from compress.records import Build
from compress.regression.interval import median_interval
from compress.regression.measure import Paired, paired
from compress.runtimes.on_board import Named
from compress.runtimes.site import Site
from compress.search.records import Latency

_MORE = 3
"""So many times more rounds where the limit lies within the interval."""


@dataclass(frozen=True)
class Stopwatch:
    """Times candidates at ``site`` against ``reference``, which took ``reference_ms`` when the search began."""

    site: Site
    reference: Named
    reference_ms: float
    rounds: int
    limit_ms: float | None

    def time(self, folder: Path, build: Build, tell: Tell) -> Latency:
        """p50 of a build. Raises NotMeasurable, and BuildError for one that does not run."""
        candidate = Named("candidate", folder, build)
        ratios = self._ratios(candidate, self.rounds, tell)
        found = self._latency(ratios)
        if self.limit_ms is not None and found.low_ms <= self.limit_ms <= found.high_ms:
            found = self._latency(ratios + self._ratios(candidate, _MORE * self.rounds, tell))
        return found

    def _ratios(self, candidate: Named, rounds: int, tell: Tell) -> tuple[float, ...]:
        done = _timed(candidate, self.reference, rounds, self.site, tell)
        assert done.times is not None
        return tuple(mine / theirs for mine, theirs in zip(*done.times, strict=True))

    def _latency(self, ratios: tuple[float, ...]) -> Latency:
        ratio, low, high = median_interval(ratios)
        whole = self.reference_ms
        return Latency(ms=ratio * whole, low_ms=low * whole, high_ms=high * whole, rounds=len(ratios))


def time_reference(folder: Path, build: Build, rounds: int, site: Site, tell: Tell) -> tuple[float, Paired]:
    """p50 in ms of the recipe's own build, in turn with itself, and the machine. Raises NotMeasurable."""
    from compress.devices.runner.timing import percentile

    done = _timed(Named("candidate", folder, build), Named("reference", folder, build), rounds, site, tell)
    assert done.times is not None
    return percentile(done.times[0] + done.times[1], 0.5), done


def why_not_here(site: Site, build: str) -> str | None:
    """Why builds for the runtime ``build`` can't be timed at ``site`` now, None where they can."""
    from compress.runtimes import open_runtime, why_not_built

    if site.absent is not None:
        return site.absent
    if why := why_not_built(build):
        return why
    if site.board is None:
        return open_runtime(build).why_not_here() or (
            f"{build} is only simulated on this machine" if open_runtime(build).simulates else None
        )
    from compress.devices.reach import reach

    return reach(site.board.kind, site.board.host).problem


def _timed(candidate: Named, reference: Named, rounds: int, site: Site, tell: Tell) -> Paired:
    with _told():
        done = paired(candidate, reference, rounds, site, tell)
    if done.times is None:
        raise NotMeasurable(f"not measured on {done.device}: {'; '.join(done.unmet)}")
    return done


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (DeviceError, Busy) as error:
        raise NotMeasurable(f"not measured: {error}; the same command goes on from here") from error
