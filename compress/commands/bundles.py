"""``compress verify`` and ``compress keys public``: what the one who gets a bundle needs."""

from __future__ import annotations

from pathlib import Path

import click

from compress.errors import EXIT_INCOMPLETE, EXIT_PASS


def verify(folder: Path, public_key: Path, allow_draft: bool) -> int:
    """Check signature and files of a folder or an archive; 3 for a good draft that wasn't allowed.

    Raises SignatureError.
    """
    from compress.bundle.archive import opened
    from compress.bundle.verify import verify_bundle

    with opened(folder) as place:
        manifest = verify_bundle(place, public_key).manifest
    click.echo(f"{folder}: signature and {len(manifest.files)} files hold; status {manifest.status}")
    if manifest.status != "DRAFT":
        return EXIT_PASS
    for reason in manifest.reasons:
        click.echo(f"- {reason}")
    if not allow_draft:
        click.echo("error: this bundle is a draft, not for release; add --allow-draft to accept it", err=True)
        return EXIT_INCOMPLETE
    return EXIT_PASS


def pack(folder: Path, output: Path | None, zstd: bool) -> int:
    """Write a bundle's folder as one file, beside it unless told where. Raises SignatureError."""
    from compress.bundle.archive import pack as write_archive

    target = output or folder.resolve().with_name(f"{folder.resolve().name}.tar{'.zst' if zstd else ''}")
    write_archive(folder, target, zstd)
    click.echo(f"{target}: {target.stat().st_size:,} bytes")
    return EXIT_PASS


def print_public_key(key: str | None) -> int:
    """Print the public half of a private key, of this machine's developer key where none is named."""
    from compress.bundle.keys import public_pem, resolve_key

    click.echo(public_pem(resolve_key(key)), nl=False)
    return EXIT_PASS
