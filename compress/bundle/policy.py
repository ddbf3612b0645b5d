"""What keeps a bundle from being a release: its verdict, its figures, its code, its key.

Each reason holds no day and no path of this machine, for reasons stand in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator

from compress.bundle.circumstances import circumstances
from compress.bundle.provenance import Sources, current_sources, draft_reasons
from compress.errors import NotReleasable
from compress.records import VerdictRecord
from compress.schema import PackageSpec
from compress.stage import Chain

ON_REQUEST = "made as a draft, on request"


def reasons_against(
    package: PackageSpec, verdict: VerdictRecord, chain: Chain, sources: Sources = current_sources
) -> tuple[str, ...]:
    """Every reason why this is no release; with any of them the bundle is a DRAFT.

    Raises ``NotReleasable`` with all of them where ``package.policy`` is ``release``.
    """
    reasons = (*draft_reasons(verdict, chain, sources), *_figures(verdict), *circumstances(package))
    if package.policy == "release" and reasons:
        raise refusal(reasons)
    return reasons if package.policy != "draft" else (ON_REQUEST, *reasons)


def refusal(reasons: tuple[str, ...]) -> NotReleasable:
    """The error that tells them."""
    return NotReleasable(tuple(f"no release: {reason}" for reason in reasons))


def _figures(verdict: VerdictRecord) -> Iterator[str]:
    """A target's budget asks for figures that were measured, or counted, and for nothing else."""
    for check in verdict.checks:
        if check.origin in ("estimated", "simulated"):
            yield f"{check.name} is {check.origin}, and the target asks for a measured figure"
