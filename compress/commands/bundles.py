"""``compress verify``: what the one who gets a bundle needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from compress.errors import EXIT_GATE_FAILED, EXIT_PASS

if TYPE_CHECKING:
    from compress.bundle.trust import Trust


@dataclass(frozen=True)
class Given:
    """What the command line says of whom to trust."""

    keys: tuple[Path, ...]
    revoked: Path | None = None
    revoked_by: tuple[Path, ...] = ()
    revoked_from: date | None = None
    day: date | None = None

    def load(self) -> Trust:
        """Read the keys and the list. Raises ``NoKey`` and ``BadRevocationList``."""
        from compress.bundle.trust import load_trust

        return load_trust(self.keys, self.revoked, self.revoked_by, self.revoked_from, self.day)


def verify(folder: Path, given: Given, allow_draft: bool) -> int:
    """Check signatures and files of a folder or an archive; 1 for a good draft that wasn't allowed.

    Raises SignatureError.
    """
    from compress.bundle.archive import opened
    from compress.bundle.verify import verify_with

    trust = given.load()
    with opened(folder) as place:
        manifest = verify_with(place, trust).manifest
    click.echo(f"{folder}: signatures and {len(manifest.files)} files hold; status {manifest.status}")
    if trust.revoked is not None:
        issued = trust.revoked.issued
        click.echo(f"{manifest.key_id} is not on the revocation list of {issued} (next time: --revoked-from {issued})")
    if manifest.status != "DRAFT":
        return EXIT_PASS
    for reason in manifest.reasons:
        click.echo(f"- {reason}")
    if not allow_draft:
        click.echo("error: this bundle is a draft, not for release; add --allow-draft to accept it", err=True)
        return EXIT_GATE_FAILED
    return EXIT_PASS


def pack(folder: Path, output: Path | None, zstd: bool) -> int:
    """Write a bundle's folder as one file, beside it unless told where. Raises SignatureError."""
    from compress.bundle.archive import pack as write_archive

    target = output or folder.resolve().with_name(f"{folder.resolve().name}.tar{'.zst' if zstd else ''}")
    write_archive(folder, target, zstd)
    click.echo(f"{target}: {target.stat().st_size:,} bytes")
    return EXIT_PASS
