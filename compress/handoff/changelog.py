"""``CHANGELOG.md`` of a bundle: what changed since the bundle before, and that one's entries."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from compress.bundle.manifest import FIRST_VERSION
from compress.errors import UserError
from compress.handoff.difference import difference
from compress.handoff.facts import sealed_facts, unsealed_facts
from compress.handoff.records import BundleDiff
from compress.handoff.text import bullets, escaped, meaning

CHANGELOG = "CHANGELOG.md"
_HEAD = "# Changelog\n"
_LARGEST_BYTES = 2**20


@dataclass(frozen=True)
class Sealing:
    """What the bundle will say of itself, and the public half of its signer's key (PEM)."""

    name: str
    reasons: tuple[str, ...]
    key_id: str
    public_pem: str


def succeed(folder: Path, previous: Path | None, sealing: Sealing) -> str:
    """The version of the bundle in ``folder``, which is about to be sealed; with ``previous``, writes its changelog.

    ``folder`` must hold builds, contract, report and provenance. An earlier bundle of the same signer is verified, of
    another only compared with its own manifest. Raises UserError for one of another name or that can't be read,
    SignatureError for one that does not hold.
    """
    if previous is None:
        return FIRST_VERSION
    before = sealed_facts(previous)
    if before.side.key_id == sealing.key_id:
        with tempfile.TemporaryDirectory(prefix="compress-previous-") as place:
            public = Path(place) / "public.pem"
            public.write_text(sealing.public_pem, encoding="ascii")
            before = sealed_facts(previous, public)
    if before.side.name != sealing.name:
        raise UserError(f"package.previous: {previous} is of {before.side.name!r}, this is {sealing.name!r}")
    diff = difference(before, unsealed_facts(folder, sealing.name, sealing.reasons, sealing.key_id))
    (folder / CHANGELOG).write_text(changelog(diff, earlier_entries(previous)), encoding="utf-8")
    return diff.next_version


def changelog(diff: BundleDiff, earlier: str) -> str:
    """The whole file: the newest entry, then ``earlier`` as it stands. No dates: the same inputs, the same bytes."""
    head = f"## {diff.next_version}\n\n"
    what = f"{diff.level}: {meaning(diff.level)}. After {diff.old.version}"
    entry = f"{head}{escaped(what)} (manifest sha256 {diff.old.manifest_sha256}).\n\n{bullets(diff.changes)}"
    return f"{_HEAD}\n{entry}\n{earlier}" if earlier else f"{_HEAD}\n{entry}\n## {diff.old.version}\n\nThe first one.\n"


def earlier_entries(previous: Path) -> str:
    """The entries of the earlier bundle's own changelog, empty where it has none. Raises UserError for an odd file."""
    path = previous / CHANGELOG
    if not path.is_file():
        return ""
    if path.stat().st_size > _LARGEST_BYTES:
        raise UserError(f"{path}: larger than a changelog should be ({_LARGEST_BYTES} bytes)")
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.startswith(_HEAD):
        raise UserError(f"{path}: not a changelog of a bundle; name a bundle that compress made")
    return text.removeprefix(_HEAD).lstrip("\n")
