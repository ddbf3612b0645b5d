"""The identity of an earlier bundle: what it is, not where it lies."""

from __future__ import annotations

from pathlib import Path

from compress.bundle.manifest import MANIFEST
from compress.bundle.verify import sha256_of
from compress.errors import SignatureError, UserError


def manifest_digest(folder: Path) -> str:
    """SHA-256 of the manifest, which holds the digests of all else. Raises UserError where there is none."""
    try:
        return sha256_of(folder.expanduser() / MANIFEST)
    except SignatureError as error:
        raise UserError(f"{folder}: no earlier bundle there ({error})") from None
