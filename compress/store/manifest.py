"""The manifest of an artefact, and whether a folder still is what its manifest says.

``manifest.json`` is written last, in one canonical form, with a seal over its own contents: a change
of any byte, of the manifest or of a file it lists, is found and named.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, ValidationError, model_serializer

from compress.errors import StoreError
from compress.reading import Reading
from compress.records import Record, without_empty
from compress.store.digests import digest_of, hash_file, tree_digest

MANIFEST = "manifest.json"


class FileEntry(Record):
    """One file of an artefact."""

    sha256: str
    size_bytes: int


class Manifest(Record):
    """What an artefact is and how it came about.

    ``inputs``: content digest by parameter name (None where the chain had no such artefact);
    ``sections``: ``identity()`` by section class; ``versions``: of the stage's environment and of
    Python; ``wall_s``: seconds of the attempt that finished (``resumed`` tells that an earlier one
    had left work behind); ``peak_memory_bytes``: the most that it took, None where nobody looked;
    ``reading``: how its training came by its pictures, None where it trained nothing;
    ``created``: when it was begun, UTC, ISO 8601; ``digest``: over ``files``;
    ``seal``: over all the rest.
    """

    format: Literal[1] = 1
    key: str
    stage: str
    stage_version: int
    gives: str
    inputs: dict[str, str | None]
    sections: dict[str, dict[str, Any]]
    seed: int | None
    sources_digest: str
    git_commit: str | None
    git_dirty: bool | None
    versions: dict[str, str]
    wall_s: float
    resumed: bool
    peak_memory_bytes: int | None = None
    reading: Reading | None = None
    created: str
    files: dict[str, FileEntry]
    digest: str
    seal: str = ""

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_empty(plain(self), "peak_memory_bytes", "reading")

    def sealed(self) -> Manifest:
        """The same with its seal."""
        return self.model_copy(update={"seal": self._own_seal()})

    def _own_seal(self) -> str:
        return digest_of(self.model_dump(mode="json", exclude={"seal"}))

    @property
    def size_bytes(self) -> int:
        """Size of the files together, the manifest left out."""
        return sum(entry.size_bytes for entry in self.files.values())

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """The manifest of a sealed folder. Raises StoreError if it is missing or was changed."""
        path = folder / MANIFEST
        try:
            if path.is_symlink():
                raise _refuse(path, "is a link, not a file", folder)
            raw = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise _refuse(path, "is missing", folder) from None
        except OSError as error:
            raise StoreError(f"{path} can't be read: {error.strerror or error}") from error
        try:
            manifest = cls.model_validate_json(raw)
        except ValidationError:
            raise _refuse(path, "is not a manifest, or was changed", folder) from None
        if manifest.seal != manifest._own_seal() or raw != manifest.text().encode():
            raise _refuse(path, "was changed after it was sealed", folder)
        if manifest.digest != tree_digest({name: entry.sha256 for name, entry in manifest.files.items()}):
            raise _refuse(path, "has a digest that does not fit its files", folder)
        return manifest


def files_of(folder: Path) -> dict[str, Path]:
    """Every file below ``folder`` by relative path with forward slashes, without the manifest.

    Raises StoreError for a link or anything else that is neither file nor folder, and for an empty folder.
    """
    found: dict[str, Path] = {}

    def walk(inner: Path) -> None:
        entries = sorted(os.scandir(inner), key=lambda entry: entry.name)
        if not entries and inner != folder:
            raise _refuse(inner, "is an empty folder that does not belong there", folder)
        for entry in entries:
            path = Path(entry.path)
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                walk(path)
            elif not stat.S_ISREG(mode):
                raise _refuse(path, "is a link or device, not a file", folder)
            else:
                found[path.relative_to(folder).as_posix()] = path

    walk(folder)
    found.pop(MANIFEST, None)
    return found


def entries_of(folder: Path) -> dict[str, FileEntry]:
    """Digest and size of every file below ``folder``, all read. Raises StoreError as ``files_of``, and OSError."""
    entries = {}
    for name, path in files_of(folder).items():
        if not name.isprintable():  # also what UTF-8 can't hold
            raise StoreError(f"{ascii(name)} in {folder} is no file name for an artefact; rename it")
        entries[name] = FileEntry(sha256=hash_file(path), size_bytes=path.stat().st_size)
    return entries


def verify_folder(folder: Path) -> Manifest:
    """Read every byte of a sealed folder and compare it with its manifest.

    Raises StoreError that names the first file that is missing, extra, changed or a link.
    """
    if folder.is_symlink():
        raise _refuse(folder, "is a link, not a folder", folder)
    manifest = Manifest.load(folder)
    try:
        found = files_of(folder)
        for name in manifest.files:
            if name not in found:
                raise _refuse(folder / name, "is missing", folder)
        for name, path in found.items():
            entry = manifest.files.get(name)
            if entry is None:
                raise _refuse(path, "does not belong there", folder)
            if path.stat().st_size != entry.size_bytes or hash_file(path) != entry.sha256:
                raise _refuse(path, "was changed after it was sealed", folder)
    except OSError as error:
        raise StoreError(f"{error.filename or folder} can't be read: {error.strerror or error}") from error
    return manifest


def _refuse(path: Path, what: str, folder: Path) -> StoreError:
    return StoreError(f"{path} {what}: refused; remove the folder {folder} to have it made again")
