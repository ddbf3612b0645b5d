"""One step of a chain: a stage whose inputs are there, its key, and making what it gives."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from compress.artefacts import Artefact
from compress.data.source import data_identity
from compress.peak_memory import PeakMemory
from compress.reading import reading_in
from compress.schema import DataSpec, PackageSpec, Section, Seed
from compress.stage import Chain, Link, Progress, Stage
from compress.store.digests import digest_of
from compress.store.manifest import Manifest
from compress.store.sources import git_commit, sources_digest, tree_dirty
from compress.store.store import Sealed, Store, Workplace
from compress.wiring import Wire

Identities = dict[type[Section], dict[str, Any]]
"""``identity()`` by section class; asked once a run, for it may mean hashing a data set."""


@dataclass(frozen=True)
class Done:
    """A stage that has its artefact."""

    artefact: Artefact
    manifest: Manifest

    @classmethod
    def of(cls, stage: Stage, sealed: Sealed) -> Done:
        return cls(sealed.as_artefact(stage.gives), sealed.manifest)

    @property
    def link(self) -> Link:
        facts = self.manifest
        return Link(
            facts.stage,
            facts.key,
            facts.digest,
            facts.sources_digest,
            facts.wall_s,
            facts.versions,
            facts.git_commit,
            facts.git_dirty,
        )


@dataclass(frozen=True)
class Step:
    """A stage ready to run; ``sections`` holds the identities by class name, as they enter the key."""

    wire: Wire
    inputs: dict[str, Artefact | None]
    sections: dict[str, dict[str, Any]]
    chain: Chain
    key: str

    @property
    def stage(self) -> Stage:
        return self.wire.stage

    @property
    def input_digests(self) -> dict[str, str | None]:
        return _digests(self.inputs)


def prepare(wire: Wire, done: Sequence[Done | None], identities: Identities) -> Step:
    """The step of ``wire`` after ``done``, which has a place for every earlier stage of the chain."""
    inputs: dict[str, Artefact | None] = {}
    for name, place in wire.inputs.items():
        made = None if place is None else done[place]
        inputs[name] = None if made is None else made.artefact
    asked = wire.stage.parameters
    sections = {asked[name].__name__: _identity(part, identities) for name, part in wire.sections.items()}
    chain = tuple(made.link for made in done if made is not None)
    key = key_of(wire.stage, _digests(inputs), sections, None if wire.chain is None else chain)
    return Step(wire, inputs, sections, chain, key)


def key_of(
    stage: Stage,
    inputs: Mapping[str, str | None],
    sections: Mapping[str, dict[str, Any]],
    chain: Chain | None = None,
) -> str:
    """The key of a stage's result: SHA-256 over all that decides it.

    ``inputs``: content digest by parameter name, None for one that the chain lacks: it is left out, so that a stage
    may come to take one more without what it made before being made again. ``sections``: identity by section class
    name. ``chain``: only for a stage that asks for it.
    """
    links = None if chain is None else [[link.stage, link.key, link.digest, link.sources_digest] for link in chain]
    return digest_of(
        {
            "stage": stage.name,
            "version": stage.version,
            "environment": versions_of(stage.environment),
            "inputs": {name: digest for name, digest in inputs.items() if digest is not None},
            "sections": dict(sections),
            "chain": links,
        }
    )


def make(step: Step, store: Store, place: Workplace, progress: Progress) -> Sealed:
    """Call the stage in ``place`` and seal what it left. Raises StoreError and what the stage raises."""
    draft = _draft(step, place.resumed)  # before the stage: its code may be edited while it runs
    started = time.perf_counter()
    with PeakMemory() as memory:
        step.stage.function(**arguments(step, place, progress))
    cost = {
        "wall_s": time.perf_counter() - started, "peak_memory_bytes": memory.peak_bytes,
        "reading": reading_in(place.scratch),
    }  # fmt: skip
    return store.seal(place.out, draft.model_copy(update=cost))


def arguments(step: Step, place: Workplace, progress: Progress) -> dict[str, Any]:
    """What the stage's function is called with, by parameter name."""
    wire = step.wire
    special: dict[str | None, Any] = {
        wire.out: place.out,
        wire.scratch: place.scratch,
        wire.progress: progress,
        wire.chain: step.chain,
    }
    return {**step.inputs, **wire.sections, **{name: given for name, given in special.items() if name is not None}}


def current_sources(stage: Stage) -> str:
    """The digest of the stage's sources as they are now."""
    return sources_digest(stage.function.__module__)


@cache
def version_of(distribution: str) -> str:
    """The installed version of a distribution, ``missing`` if it is not there."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return "missing"


def versions_of(distributions: tuple[str, ...]) -> dict[str, str]:
    """Their installed versions by name."""
    return {name: version_of(name) for name in distributions}


def _digests(inputs: Mapping[str, Artefact | None]) -> dict[str, str | None]:
    return {name: None if artefact is None else artefact.digest for name, artefact in inputs.items()}


def _identity(section: Section, identities: Identities) -> dict[str, Any]:
    if type(section) not in identities:
        identities[type(section)] = fresh_identity(section)
    return identities[type(section)]


def fresh_identity(section: Section) -> dict[str, Any]:
    """What of a section enters a key; of pictures with the digest of their files, which are read for it."""
    if isinstance(section, DataSpec):
        return data_identity(section)
    if isinstance(section, PackageSpec):
        from compress.bundle.circumstances import package_identity

        return package_identity(section)
    return section.identity()


def _draft(step: Step, resumed: bool) -> Manifest:
    """The manifest without what follows later: time taken, files, digest, seal."""
    stage = step.stage
    commit, dirty = _checkout()
    seeds = [part.seed for part in step.wire.sections.values() if isinstance(part, Seed)]
    return Manifest(
        key=step.key,
        stage=stage.name,
        stage_version=stage.version,
        gives=stage.gives.__name__,
        inputs=step.input_digests,
        sections=step.sections,
        seed=seeds[0] if seeds else None,
        sources_digest=current_sources(stage),
        git_commit=commit,
        git_dirty=dirty,
        versions={**versions_of(stage.environment), "python": platform.python_version()},
        wall_s=0.0,
        resumed=resumed,
        created=datetime.now(UTC).isoformat(),
        files={},
        digest="",
    )


def _checkout() -> tuple[str | None, bool | None]:
    folder = Path(__file__).parent
    return git_commit(folder), tree_dirty(folder)
