"""Hash, then sign twice: turns a folder full of files into a bundle."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path

from compress.bundle.keys import Signer
from compress.bundle.manifest import (
    FIRST_VERSION,
    MANIFEST,
    MODEL_SIGNATURE,
    SIGNATURE,
    UNLISTED,
    FileEntry,
    LinkEntry,
    Manifest,
    check_path,
    to_bytes,
)  # fmt: skip
from compress.bundle.model_signature import model_signature
from compress.bundle.sign import sign_bytes
from compress.bundle.verify import sha256_of, walk
from compress.errors import SignatureError

SUMS = "SHA256SUMS"


@dataclass(frozen=True)
class Contents:
    """What a manifest says besides the files. Any reason makes the bundle a draft."""

    name: str
    reasons: tuple[str, ...]
    chain: tuple[LinkEntry, ...]
    version: str = FIRST_VERSION


def seal(folder: Path, contents: Contents, signer: Signer) -> Manifest:
    """Add ``SHA256SUMS`` (for ``sha256sum -c``), ``manifest.json`` and, last, ``manifest.sig`` and ``model.sig``.

    Raises ``SignatureError`` for a link, an odd file name or a key that can't sign.
    """
    entries = _entries(folder)
    lines = [f"{entry.sha256}  {path}\n" for path, entry in sorted(entries.items())]
    (folder / SUMS).write_text("".join(lines), encoding="ascii")
    entries[SUMS] = _entry(folder / SUMS)
    manifest = Manifest(
        name=contents.name,
        version=contents.version,
        status="DRAFT" if contents.reasons else "RELEASE",
        reasons=contents.reasons,
        key_id=signer.public.id,
        chain=contents.chain,
        files=entries,
    )
    data = to_bytes(manifest)
    (folder / MANIFEST).write_bytes(data)
    signature = sign_bytes(data, signer)
    digests = {path: entry.sha256 for path, entry in entries.items()}
    digests |= {MANIFEST: hashlib.sha256(data).hexdigest(), SIGNATURE: hashlib.sha256(signature).hexdigest()}
    second = model_signature(contents.name, digests, signer)
    (folder / SIGNATURE).write_bytes(signature)
    (folder / MODEL_SIGNATURE).write_bytes(second)
    return manifest


def _entry(path: Path) -> FileEntry:
    return FileEntry(sha256=sha256_of(path), size_bytes=path.stat().st_size)


def _entries(folder: Path) -> dict[str, FileEntry]:
    found: dict[str, FileEntry] = {}
    for path, info in walk(folder):
        if problem := check_path(path):
            raise SignatureError(f"{folder}: {path!r} can't be in a bundle: {problem}")
        if stat.S_ISDIR(info.st_mode):
            continue
        if not stat.S_ISREG(info.st_mode):
            kind = "a symbolic link" if stat.S_ISLNK(info.st_mode) else "a special file"
            raise SignatureError(f"{folder}: {path}: {kind} can't be in a bundle")
        if path in UNLISTED or path == SUMS:
            raise SignatureError(f"{folder}: {path} is there already; seal a folder once")
        found[path] = _entry(folder / path)
    return found
