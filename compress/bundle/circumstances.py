"""What decides, outside of the chain and from day to day, whether a bundle may be a release: key and checkout.

It enters the key of ``package`` (through ``step``), so that a bundle of yesterday is not taken for one of today.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from compress.bundle.keys import resolve_key
from compress.bundle.pem import load_public, today
from compress.bundle.revoked import read_list
from compress.handoff.earlier import manifest_digest
from compress.schema import PackageSpec

_IN_THE_CHECKOUT = ("compress", "recipes", "targets", "calibration")


def package_identity(package: PackageSpec) -> dict[str, Any]:
    """What of the section decides the bundle: the key itself, not its path, and the circumstances.

    An earlier bundle by the digest of its manifest, wherever it lies.
    """
    previous = package.previous and manifest_digest(Path(package.previous))
    return {
        "previous": previous,
        "golden_frames": package.golden_frames,
        "key_id": resolve_key(package.key).public.id,
        "policy": package.policy,
        "circumstances": list(circumstances(package)),
    }


def circumstances(package: PackageSpec) -> tuple[str, ...]:
    """The reasons that lie outside of the chain and change with time: the key's state, the checkout's."""
    return (*_key(package), *_tree())


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
