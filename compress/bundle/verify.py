"""Is this bundle what its signer sealed, all of it and nothing else?

The signatures first: ``manifest.sig`` over the raw bytes of the manifest, only then is what the manifest
says believed, and ``model.sig`` (format /2) over the same files. Then every file is compared. Nothing from
inside the bundle decides whom to trust: keys, revocation list and day come from the caller.
"""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from compress.bundle.manifest import MANIFEST, MODEL_SIGNATURE, SIGNATURE, Manifest, check_path, from_bytes
from compress.bundle.pem import PublicKey
from compress.bundle.sign import signature_holds
from compress.bundle.trust import Trust, load_trust
from compress.errors import BadManifest, BrokenSignature, FilesDiffer, NoSignature, SignatureError, WrongKey

_LARGEST_MANIFEST_BYTES = 16 * 2**20


@dataclass(frozen=True)
class Verified:
    """A bundle whose signatures and files all hold. ``manifest.status`` may still be DRAFT."""

    folder: Path
    manifest: Manifest


def verify_bundle(folder: Path, public_key: Path) -> Verified:
    """``verify_with`` one public key, without a revocation list, today."""
    return verify_with(folder, load_trust((public_key,)))


def verify_with(folder: Path, trust: Trust) -> Verified:
    """Check signatures, then files, strictly.

    Raises ``SignatureError`` of a kind that says what is wrong: ``NoSignature``, ``WrongKey``, ``BrokenSignature``,
    ``RevokedKey``, ``ExpiredKey``, ``BadManifest``, or ``FilesDiffer`` with every file that is missing, extra,
    changed, or not a plain file, by name.
    """
    if not folder.is_dir():
        raise SignatureError(f"{folder}: no such bundle folder")
    data = _read_plain(folder / MANIFEST, SignatureError(f"{folder}: no {MANIFEST}, so this is no bundle"))
    signature = _read_plain(folder / SIGNATURE, NoSignature(f"{folder}: no signature; {SIGNATURE} is missing"))
    key = _signer(folder, data, signature, trust)
    trust.check(key)
    try:
        manifest = from_bytes(data)
    except SignatureError as error:
        raise BadManifest(f"{folder}: {error}") from None
    if manifest.key_id != key.id:
        raise BadManifest(f"{folder}: the manifest names another key ({manifest.key_id}) than its signer's")
    if MODEL_SIGNATURE in manifest.unlisted:
        _check_model_signature(folder, manifest, key, {MANIFEST: data, SIGNATURE: signature})
    problems = compare_files(folder, manifest)
    if problems:
        raise FilesDiffer(f"{folder} is not what was signed: " + "; ".join(problems))
    return Verified(folder, manifest)


def _signer(folder: Path, data: bytes, signature: bytes, trust: Trust) -> PublicKey:
    """Which of the trusted keys signed the manifest."""
    for key in trust.keys:
        if signature_holds(data, signature, key):
            return key
    # What an unsigned manifest claims is good for a better message only.
    given = {key.id: key.name for key in trust.keys}
    try:
        claimed = from_bytes(data).key_id
    except SignatureError:
        claimed = next(iter(given))
    if claimed not in given:
        known = ", ".join(f"{name} is {identity}" for identity, name in given.items())
        raise WrongKey(f"{folder}: wrong key; the bundle says it was signed by {claimed}, {known}")
    raise BrokenSignature(f"{folder}: broken signature; {MANIFEST} or {SIGNATURE} was changed after signing")


def _check_model_signature(folder: Path, manifest: Manifest, key: PublicKey, beside: dict[str, bytes]) -> None:
    from compress.bundle.model_signature import check_model_signature

    missing = NoSignature(f"{folder}: no second signature; {MODEL_SIGNATURE} is missing")
    data = _read_plain(folder / MODEL_SIGNATURE, missing)
    digests = {path: entry.sha256 for path, entry in manifest.files.items()}
    digests |= {path: hashlib.sha256(contents).hexdigest() for path, contents in beside.items()}
    try:
        check_model_signature(data, digests, key)
    except BrokenSignature as error:
        raise BrokenSignature(f"{folder}: {error}") from None


def _read_plain(path: Path, missing: SignatureError) -> bytes:
    """The bytes of a plain file; a link or device in its place is refused, not followed."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise FilesDiffer(f"{path}: {_kind(found.st_mode)}, not a plain file")
        if found.st_size > _LARGEST_MANIFEST_BYTES:
            raise FilesDiffer(f"{path}: {found.st_size} bytes, too large to be what it should be")
        return path.read_bytes()
    except FileNotFoundError:
        raise missing from None
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
    problems += [f"{_shown(path)}: extra file{_odd(path, manifest)}" for path in extra]
    return sorted(problems)


def _odd(path: str, manifest: Manifest) -> str:
    """What else is wrong with the name of an extra file."""
    twin = next((listed for listed in manifest.files if listed.lower() == path.lower()), None)
    if twin is not None:
        return f", differs only by case from {twin}"
    why = check_path(path)
    return f", {why}" if why else ""


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
    if stat.S_ISLNK(mode):
        return "a symbolic link"
    if stat.S_ISDIR(mode):
        return "a folder"
    kinds = {stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket", stat.S_IFBLK: "device", stat.S_IFCHR: "device"}
    return f"a special file ({kinds.get(stat.S_IFMT(mode), 'of unknown kind')})"


def sha256_of(path: Path) -> str:
    """SHA-256 of the file's bytes, read now (never from a cache), as 64 hex digits."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SignatureError(f"can't read {path}: {error.strerror}") from None
