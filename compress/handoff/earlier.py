"""The identity of an earlier bundle: what it is, not where it lies."""

from __future__ import annotations

import hashlib
from pathlib import Path

from compress.bundle.manifest import MANIFEST
from compress.errors import UserError


def manifest_digest(folder: Path) -> str:
    """SHA-256 of the manifest, which holds the digests of all else. Raises UserError where there is none."""
    try:
        return hashlib.sha256((folder.expanduser() / MANIFEST).read_bytes()).hexdigest()
    except OSError as error:
        raise UserError(f"{folder}: no earlier bundle there ({MANIFEST}: {error.strerror})") from None
