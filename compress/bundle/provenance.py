"""Where a bundle comes from, and what keeps it from being a release."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from compress.bundle.manifest import LinkEntry
from compress.records import Record, VerdictRecord, without_empty
from compress.stage import Chain

Sources = Callable[[str], str]
"""Digest of the code of a stage, by the stage's name. Raises KeyError or ModuleNotFoundError if unknown."""


class StageProvenance(Record):
    """One artefact: the stage, its key and content, the digest of its code, the versions it ran with.

    ``git_dirty``: whether the checkout then had changes beside ``git_commit``; None where there is no checkout.
    """

    stage: str
    key: str
    digest: str
    sources_digest: str
    versions: dict[str, str]
    git_commit: str | None
    git_dirty: bool | None = None


class Provenance(Record):
    """``provenance.json``. No times and no paths: the same chain gives the same bytes."""

    recipe: str
    target: str
    data: str
    data_licence: str
    data_digest: str
    decoder: str
    compress_version: str
    chain: tuple[StageProvenance, ...]
    split_digest: str | None = None
    """Of which picture was trained on, watched and tested (``compress.data.split``); None in older bundles."""
    labelled_by: str | None = None
    """``teacher`` or ``float network``, and its digest: its pictures stand for a truth; None where there is one."""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_empty(plain(self), "labelled_by", "split_digest")


def stage_provenance(chain: Chain) -> tuple[StageProvenance, ...]:
    """The chain without what differs between runs of the same chain."""
    return tuple(
        StageProvenance(
            stage=link.stage, key=link.key, digest=link.digest, sources_digest=link.sources_digest,
            versions=dict(sorted(link.versions.items())), git_commit=link.git_commit,
            git_dirty=link.git_dirty,
        )
        for link in chain
    )  # fmt: skip


def link_entries(chain: Chain) -> tuple[LinkEntry, ...]:
    """What of the chain goes into the manifest itself."""
    return tuple(
        LinkEntry(stage=link.stage, key=link.key, digest=link.digest, sources_digest=link.sources_digest)
        for link in chain
    )


def current_sources(stage: str) -> str:
    """Digest of the code of ``stage`` as it is now."""
    from compress.stages import STAGES
    from compress.store.sources import sources_digest

    return sources_digest(STAGES[stage])


def draft_reasons(verdict: VerdictRecord, chain: Chain, sources: Sources = current_sources) -> tuple[str, ...]:
    """Why a bundle of this chain is only a draft; empty: it may be released."""
    reasons = []
    if verdict.result != "pass":
        open_checks = [f"{check.name} {check.result}" for check in verdict.checks if check.result != "pass"]
        details = "; ".join([*open_checks, *verdict.reasons])
        reasons.append(f"the verdict is {verdict.result}" + (f" ({details})" if details else ""))
    if not chain:
        reasons.append("the chain that made it is not recorded")
    for link in chain:
        try:
            same = sources(link.stage) == link.sources_digest
        except (KeyError, ModuleNotFoundError):
            reasons.append(f"stage {link.stage} was made by code that is not part of this package")
            continue
        if not same:
            reasons.append(f"stage {link.stage} was made by other code than is here now; remove it from the store")
    return tuple(reasons)
