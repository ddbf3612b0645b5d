"""``compress verify`` and ``compress keys public``: what the one who gets a bundle needs."""

from __future__ import annotations

from pathlib import Path

import click

from compress.errors import EXIT_INCOMPLETE, EXIT_PASS


def verify(folder: Path, public_key: Path, allow_draft: bool) -> int:
    """Check signature and files; 3 for a good draft that wasn't allowed. Raises SignatureError."""
    from compress.bundle.verify import verify_bundle

    manifest = verify_bundle(folder, public_key).manifest
    click.echo(f"{folder}: signature and {len(manifest.files)} files hold; status {manifest.status}")
    if manifest.status != "DRAFT":
        return EXIT_PASS
    for reason in manifest.reasons:
        click.echo(f"- {reason}")
    if not allow_draft:
        click.echo("error: this bundle is a draft, not for release; add --allow-draft to accept it", err=True)
        return EXIT_INCOMPLETE
    return EXIT_PASS


def print_public_key(key: str | None) -> int:
    """Print the public half of a private key, of this machine's developer key where none is named."""
    from compress.bundle.keys import public_pem, resolve_key

    click.echo(public_pem(resolve_key(key)), nl=False)
    return EXIT_PASS
