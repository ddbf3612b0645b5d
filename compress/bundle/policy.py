"""What keeps a bundle from being a release: its verdict, its figures, its code, its key.

Each reason holds no day and no path of this machine, for reasons stand in the manifest.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compress.bundle.keys import resolve_key
from compress.bundle.pem import load_public, today
from compress.bundle.provenance import Sources, current_sources, draft_reasons
from compress.bundle.revoked import read_list
from compress.errors import NotReleasable
from compress.records import VerdictRecord
from compress.schema import PackageSpec
from compress.stage import Chain

ON_REQUEST = "made as a draft, on request"
_IN_THE_CHECKOUT = ("compress", "recipes", "targets", "calibration")


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


def circumstances(package: PackageSpec) -> tuple[str, ...]:
    """The reasons that lie outside of the chain and change with time: the key's state, the checkout's."""
    return (*_key(package), *_tree())


def _figures(verdict: VerdictRecord) -> Iterator[str]:
    """A target's budget asks for figures that were measured, or counted, and for nothing else."""
    for check in verdict.checks:
        if check.origin in ("estimated", "simulated"):
            yield f"{check.name} is {check.origin}, and the target asks for a measured figure"


def _key(package: PackageSpec) -> Iterator[str]:
    public, day = resolve_key(package.key).public, today()
    if public.expires is not None and day > public.expires:
        yield f"the signing key expired on {public.expires}"
    if package.revoked is not None:
        signers = tuple(load_public(Path(path).expanduser()) for path in package.revoked_by) or (public,)
        listed = read_list(Path(package.revoked).expanduser(), signers, day)
        if entry := listed.find(public.id):
            yield f"the signing key is revoked since {entry.since}" + (f" ({entry.reason})" if entry.reason else "")


def _tree() -> Iterator[str]:
    if dirty := dirty_folders():
        yield f"the checkout of compress has changes that are not committed, in {', '.join(dirty)}"


def dirty_folders() -> tuple[str, ...]:
    """Folders of compress's own checkout that differ from its commit; () where it runs from no checkout."""
    from compress.store.sources import tree_dirty

    root = Path(__file__).resolve().parents[2]
    if not (root / "pyproject.toml").is_file():
        return ()
    return tuple(name for name in _IN_THE_CHECKOUT if (root / name).is_dir() and tree_dirty(root / name))
