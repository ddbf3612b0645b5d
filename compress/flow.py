"""The chain: checks it, runs what has not been made before, takes the rest from the store.

Only what decides a result enters the key of a stage: its name and version, the versions of its
environment, the contents of its inputs, ``identity()`` of the sections in its signature. So a second
target reuses the distillation, and a changed budget re-runs the gate. Reuse imports no stage body.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from compress import ranks
from compress.artefacts import Artefact
from compress.following import follow
from compress.reading import Reading
from compress.run_log import RunLog
from compress.sigterm import sigterm_raises
from compress.stage import Progress
from compress.stages import load_stage
from compress.step import Done, Identities, Step, current_sources, key_of, make, prepare
from compress.store.manifest import Manifest
from compress.store.store import Sealed, Store
from compress.wiring import ChainPlan, LoadStage, Wire, wire

__all__ = [
    "Observer", "Quiet", "RunResult", "StageForecast", "StageOutcome", "check", "dry_run", "key_of", "reuse_or_make",
    "run",
]  # fmt: skip

Kind = TypeVar("Kind", bound=Artefact)


@dataclass(frozen=True)
class StageOutcome:
    """One stage of a finished chain; ``wall_s`` is what making it took, also when that was an earlier run."""

    name: str
    artefact: Artefact
    key: str
    reused: bool
    wall_s: float


@dataclass(frozen=True)
class RunResult:
    """A finished chain, in order. ``record`` is the run's file, None where it could not be written."""

    outcomes: tuple[StageOutcome, ...]
    wall_s: float
    record: Path | None

    def newest(self, kind: type[Kind]) -> Kind | None:
        """The newest artefact of ``kind``, None if the chain makes none."""
        for outcome in reversed(self.outcomes):
            if isinstance(outcome.artefact, kind):
                return outcome.artefact
        return None


@dataclass(frozen=True)
class StageCost:
    """What making an artefact took, by its manifest; ``peak_memory_bytes`` is None where nobody looked, ``reading``
    where nothing was trained."""

    wall_s: float
    peak_memory_bytes: int | None
    size_bytes: int
    reading: Reading | None = None

    @classmethod
    def of(cls, manifest: Manifest) -> StageCost:
        return cls(manifest.wall_s, manifest.peak_memory_bytes, manifest.size_bytes, manifest.reading)


@dataclass(frozen=True)
class StageForecast:
    """What would become of a stage.

    ``unknown``: an input is not there yet, so nobody can tell. ``cost``: of the run here with the settings most
    like these, None if there was none; for a cached stage, what making it took.
    """

    name: str
    state: Literal["cached", "to run", "unknown"]
    key: str | None
    cost: StageCost | None


class Observer(Protocol):
    """Who watches a chain. ``place`` counts from 1 to ``count``; ``started`` is called for what is really run."""

    def started(self, stage: str, place: int, count: int) -> Progress: ...

    def finished(self, outcome: StageOutcome, place: int, count: int) -> None: ...

    def say(self, line: str) -> None: ...


class Quiet:
    """An observer, and a progress, that keeps silent."""

    def started(self, stage: str, place: int, count: int) -> Progress:
        return self

    def finished(self, outcome: StageOutcome, place: int, count: int) -> None:
        return

    def update(self, done: float, total: float, note: str = "") -> None:
        return

    def say(self, line: str) -> None:
        return


def check(plan: ChainPlan, load: LoadStage = load_stage) -> None:
    """Raises ConfigError with everything that keeps the chain from working; runs and reads nothing."""
    wire(plan, load)


def run(plan: ChainPlan, store: Store, observer: Observer | None = None, load: LoadStage = load_stage) -> RunResult:
    """Run the plan's chain and give what it made, reusing what the store has.

    Sealed stages stay sealed whatever happens later; a stage that fails or is killed leaves only its
    scratch, from which the next run goes on. Raises ConfigError before any work, StoreError, and
    what the stages raise. SIGTERM becomes SystemExit(143), after tidying up.
    """
    wires = wire(plan, load)
    watcher = Quiet() if observer is None or ranks.is_follower() else observer
    begun = time.perf_counter()
    done: list[Done] = []
    outcomes: list[StageOutcome] = []
    identities: Identities = {}
    log = RunLog(plan, store, watcher)
    ranks.meet()
    with sigterm_raises(), log:
        for place, current in enumerate(wires, start=1):
            step = prepare(current, done, identities)
            log.reached(step.stage.name, step.key)
            sealed, reused = reuse_or_make(step, store, watcher, place, len(wires))
            done.append(Done.of(step.stage, sealed))
            outcome = StageOutcome(step.stage.name, done[-1].artefact, step.key, reused, sealed.manifest.wall_s)
            outcomes.append(outcome)
            log.passed(outcome)
            watcher.finished(outcome, place, len(wires))
    return RunResult(tuple(outcomes), time.perf_counter() - begun, log.path)


def dry_run(plan: ChainPlan, store: Store, load: LoadStage = load_stage) -> tuple[StageForecast, ...]:
    """What ``run`` would find cached, by the manifests alone; changes nothing. Raises as ``run`` does."""
    done: list[Done | None] = []
    forecasts = []
    identities: Identities = {}
    for current in wire(plan, load):
        name = current.stage.name
        waits = any(place is not None and done[place] is None for place in current.inputs.values())
        if waits or (current.chain is not None and None in done):
            done.append(None)
            forecasts.append(StageForecast(name, "unknown", None, _expected(current, identities, store)))
            continue
        key = prepare(current, done, identities).key
        found = store.find(name, key, verify=False)
        if found is None:
            done.append(None)
            forecasts.append(StageForecast(name, "to run", key, _expected(current, identities, store)))
        else:
            done.append(Done.of(current.stage, found))
            forecasts.append(StageForecast(name, "cached", key, StageCost.of(found.manifest)))
    return tuple(forecasts)


def _expected(current: Wire, identities: Identities, store: Store) -> StageCost | None:
    """By the settings as they are known so far: asking for more would read pictures, or make a first signing key."""
    asked = current.stage.parameters
    known = {
        asked[name].__name__: identities.get(type(part)) or part.identity() for name, part in current.sections.items()
    }
    alike = store.most_like(current.stage.name, known)
    return StageCost.of(alike) if alike else None


def reuse_or_make(step: Step, store: Store, watcher: Observer, place: int, count: int) -> tuple[Sealed, bool]:
    """What the store has for the step, else made now; and whether it was there."""
    name = step.stage.name
    found = store.find(name, step.key)
    if found is None and ranks.is_follower():
        return follow(step, store, watcher.started(name, place, count)), False
    if found is None:
        with store.lock(step.key, lambda: watcher.say(f"{name}: another process is making it; waiting")):
            found = store.find(name, step.key)
            if found is None:
                progress = watcher.started(name, place, count)
                with store.workplace(name, step.key, scratch=step.wire.scratch is not None) as workplace:
                    return make(step, store, workplace, progress), False
    if found.manifest.sources_digest != current_sources(step.stage):
        watcher.say(
            f"{name}: reused, but its code has changed since; if that changes its result, remove {found.folder}"
        )
    return found, True
