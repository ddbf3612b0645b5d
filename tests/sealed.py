"""A small sealed bundle and keys of its own, for tests of who signed and whom to trust."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from compress.bundle.keys import Signer, resolve_key
from compress.bundle.pem import make_key, public_path
from compress.bundle.seal import Contents, seal

FILES = {
    "builds/int8.onnx": bytes(range(256)) * 3,
    "contract.json": b"{}\n",
    "golden/000_input.png": b"\x89PNG",
    "README.md": b"hello\n",
}


def key_pair(path: Path, expires: date | None = None) -> tuple[Signer, Path]:
    """A new signer, and the file of its public half."""
    make_key(path, expires)
    return resolve_key(path), public_path(path)


def sealed_bundle(folder: Path, signer: Signer, reasons: tuple[str, ...] = ()) -> Path:
    """Fill ``folder`` and seal it."""
    for path, data in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    seal(folder, Contents(name="tiny", reasons=reasons, chain=()), signer)
    return folder
