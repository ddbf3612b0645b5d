"""Is this bundle what its signer sealed, all of it and nothing else?

The signature first, over the raw bytes of the manifest; only then is what the manifest says believed
and every file compared with it. Nothing from inside the bundle decides whom to trust: the public key
comes from the caller.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from compress.bundle.keys import key_id, load_public
from compress.bundle.manifest import MANIFEST, SIGNATURE, Manifest, from_bytes
from compress.bundle.sign import signature_holds
from compress.errors import SignatureError

_LARGEST_MANIFEST_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Verified:
    """A bundle whose signature and files all hold. ``manifest.status`` may still be DRAFT."""

    folder: Path
    manifest: Manifest


def verify_bundle(folder: Path, public_key: Path) -> Verified:
    """Check signature, then files, strictly.

    Raises ``SignatureError``: no signature, another key, a signature that doesn't fit, or every file
    that is missing, extra, changed, or not a plain file, by name.
    """
    if not folder.is_dir():
        raise SignatureError(f"{folder}: no such bundle folder")
    identity = key_id(load_public(public_key))
    manifest = _signed_manifest(folder, public_key, identity)
    if manifest.key_id != identity:
        raise SignatureError(f"{folder}: the manifest names another key ({manifest.key_id}) than its signer's")
    problems = compare_files(folder, manifest)
    if problems:
        raise SignatureError(f"{folder} is not what was signed: " + "; ".join(problems))
    return Verified(folder, manifest)


def _signed_manifest(folder: Path, public_key: Path, identity: str) -> Manifest:
    data = _read_plain(folder / MANIFEST, f"{folder}: no {MANIFEST}, so this is no bundle")
    signature = _read_plain(folder / SIGNATURE, f"{folder}: no signature; {SIGNATURE} is missing")
    if signature_holds(data, signature, public_key):
        return from_bytes(data)
    # What an unsigned manifest claims is good for a better message only.
    try:
        claimed = from_bytes(data).key_id
    except SignatureError:
        claimed = identity
    if claimed != identity:
        raise SignatureError(
            f"{folder}: wrong key; the bundle says it was signed by {claimed}, {public_key} is {identity}"
        )
    raise SignatureError(f"{folder}: broken signature; {MANIFEST} or {SIGNATURE} was changed after signing")


def _read_plain(path: Path, missing: str) -> bytes:
    """The bytes of a plain file; a link or device in its place is refused, not followed."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise SignatureError(f"{path}: {_kind(found.st_mode)}, not a plain file")
        if found.st_size > _LARGEST_MANIFEST_BYTES:
            raise SignatureError(f"{path}: {found.st_size} bytes, too large to be what it should be")
        return path.read_bytes()
    except FileNotFoundError:
        raise SignatureError(missing) from None
    except OSError as error:
        raise SignatureError(f"can't read {path}: {error.strerror}") from None


def compare_files(folder: Path, manifest: Manifest) -> list[str]:
    """One line for each way in which the files below ``folder`` differ from ``manifest``; [] if none."""
    expected_folders = {str(parent) for path in manifest.files for parent in _parents(path)}
    present: dict[str, os.stat_result] = {}
    problems: list[str] = []
    for path, found in walk(folder):
        if stat.S_ISDIR(found.st_mode):
            if path not in expected_folders:
                problems.append(f"{_shown(path)}/: extra folder")
        elif not stat.S_ISREG(found.st_mode):
            problems.append(f"{_shown(path)}: {_kind(found.st_mode)}, not a plain file")
        else:
            present[path] = found
    linked = {problem.split(": ")[0] for problem in problems}
    for path, entry in manifest.files.items():
        if path not in present:
            if path not in linked:
                problems.append(f"{path}: missing")
        elif present[path].st_size != entry.size_bytes:
            problems.append(f"{path}: changed ({present[path].st_size} bytes, should be {entry.size_bytes})")
        elif sha256_of(folder / path) != entry.sha256:
            problems.append(f"{path}: changed")
    extra = present.keys() - manifest.files.keys() - manifest.unlisted
    problems += [f"{_shown(path)}: extra file" for path in extra]
    return sorted(problems)


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]


def walk(folder: Path) -> list[tuple[str, os.stat_result]]:
    """Everything below ``folder``, relative with forward slashes, links not followed, sorted."""
    found: list[tuple[str, os.stat_result]] = []
    try:
        waiting = [folder]
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    info = entry.stat(follow_symlinks=False)
                    found.append((Path(entry.path).relative_to(folder).as_posix(), info))
                    if stat.S_ISDIR(info.st_mode):
                        waiting.append(Path(entry.path))
    except OSError as error:
        raise SignatureError(f"can't read {error.filename or folder}: {error.strerror}") from None
    return sorted(found, key=lambda pair: pair[0])


def _shown(path: str) -> str:
    """``path``, escaped where it would break a line or a terminal."""
    return path if path.isascii() and path.isprintable() else ascii(path)


def _kind(mode: int) -> str:
    return "a symbolic link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "a special file"


def sha256_of(path: Path) -> str:
    """SHA-256 of the file's bytes, read now (never from a cache), as 64 hex digits."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SignatureError(f"can't read {path}: {error.strerror}") from None
