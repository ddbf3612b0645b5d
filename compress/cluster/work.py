"""What a worker of the cluster does: one stage of one plan, over the store that all nodes share."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from compress.cluster.outcome import Failed, Made, failed
from compress.errors import ClusterError
from compress.flow import Observer, reuse_or_make
from compress.step import Done, Identities, fresh_identity, prepare
from compress.store.store import Sealed, Store
from compress.wiring import ChainPlan, LoadStage, Wire, wire

SEEN_WITHIN_S = 60.0
"""How long another node's artefact may take to show: NFS keeps what it knows of a folder for up to a minute."""

_identities: dict[tuple[str, str], dict[str, object]] = {}
"""Of the sections that this process has seen: a data set is read once a worker, however many points use it."""


@dataclass(frozen=True)
class Job:
    """One stage to be made: the stage at ``place`` of ``plan``, counted from 0.

    ``folder``: where the command was started, for paths that are relative. ``load``: gives a stage by its name.
    """

    plan: ChainPlan
    place: int
    store: Path
    folder: Path
    load: LoadStage

    @property
    def stage(self) -> str:
        return self.plan.stages[self.place]


def do(job: Job, before: Mapping[int, Made | Failed], watcher: Observer) -> Made | Failed:
    """Make the stage, or take it from the store; ``before``: what became of the stages it needs, by their places.

    A stage whose input failed fails in the same way. Every error comes back as ``Failed``.
    """
    made: dict[int, Made] = {}
    for place, outcome in before.items():
        if isinstance(outcome, Failed):
            return outcome
        made[place] = outcome
    try:
        return _make(job, made, watcher)
    except Exception as error:
        return failed(job.stage, error, socket.gethostname())


def _make(job: Job, before: Mapping[int, Made], watcher: Observer) -> Made:
    try:
        os.chdir(job.folder)
    except OSError as error:
        why = error.strerror or error
        raise ClusterError(f"{socket.gethostname()} has no {job.folder} ({why}); all nodes must share it") from error
    store = Store(job.store)
    wires = wire(job.plan, job.load)
    done: list[Done | None] = [None] * job.place
    for place, made in before.items():
        done[place] = Done.of(wires[place].stage, find_made(store, made))
    current = wires[job.place]
    step = prepare(current, done, _identities_of(current))
    sealed, reused = reuse_or_make(step, store, watcher, job.place + 1, len(wires))
    facts = sealed.manifest
    return Made(step.stage.name, step.key, facts.digest, reused, facts.wall_s)


def find_made(store: Store, made: Made, within_s: float = SEEN_WITHIN_S) -> Sealed:
    """The artefact that some node has made. Raises ClusterError where it does not show in the store of this one."""
    until = time.monotonic() + within_s
    while True:
        found = store.find(made.stage, made.key, verify=False)
        if found is not None:
            return found
        if time.monotonic() > until:
            raise ClusterError(
                f"{socket.gethostname()} does not see the {made.stage} that another node sealed in {store.root}; "
                "the store must be on a file system that all nodes share"
            )
        time.sleep(0.5)


def _identities_of(current: Wire) -> Identities:
    found: Identities = {}
    for part in current.sections.values():
        name = (type(part).__name__, part.model_dump_json())
        if name not in _identities:
            _identities[name] = fresh_identity(part)
        found[type(part)] = _identities[name]
    return found
