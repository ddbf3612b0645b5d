"""The store: sealed artefacts by content key.

    <root>/<stage>-<key[:12]>/   a sealed artefact: its files and manifest.json
    <root>/.scratch/<key>/       what an unfinished stage keeps for its next attempt
    <root>/.tmp/<key>.*/         an artefact in the making
    <root>/.locks/<key>.lock     held by the one process that makes it; the file stays, it is empty
    <root>/../runs/*.json        which chains used which artefacts (``compress.store.runs``)

An artefact becomes visible by one rename, after its files and its manifest are on the disk. A key
determines what is made, so racers for one key wait for the first and take its result.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compress.artefacts import Artefact
from compress.errors import CompressError, StoreError
from compress.kept import to_disk
from compress.store.digests import tree_digest
from compress.store.manifest import MANIFEST, Manifest, entries_of, verify_folder

FOLLOWER = "follower-"  # begins the name of a temporary folder that is thrown away
_PREFIXES = (12, 24, 64)  # of the key, in a folder's name; longer ones only if keys begin alike
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_IN_OTHER_WORDS = ("iostream error", os.strerror(errno.EROFS), os.strerror(errno.EIO))
"""What C++ libraries (OpenVINO, torch) say in errors of their own of a file that they could not write."""
_DENIED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_BROKEN = frozenset({errno.EROFS, errno.EIO})
_FREE_BYTES_IF_FULL = 256 * 1024


@dataclass(frozen=True)
class Sealed:
    """An artefact in the store with its manifest."""

    folder: Path
    manifest: Manifest

    def as_artefact(self, gives: type[Artefact]) -> Artefact:
        return gives(folder=self.folder, key=self.manifest.key, digest=self.manifest.digest)


@dataclass(frozen=True)
class Entry:
    """A line of ``compress store ls``; ``manifest`` is None where ``problem`` says why it can't be read."""

    folder: Path
    manifest: Manifest | None
    problem: str | None


@dataclass(frozen=True)
class Workplace:
    """Where a stage works: an empty ``out``; ``scratch`` may hold what an earlier attempt left."""

    out: Path
    scratch: Path | None
    resumed: bool


class Store:
    """Artefacts below ``root``, which is made when first needed. No method but the writing ones changes anything."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))

    @property
    def runs_folder(self) -> Path:
        return self.root.parent / "runs"

    @property
    def temporary_folder(self) -> Path:
        return self.root / ".tmp"

    @property
    def scratch_folder(self) -> Path:
        return self.root / ".scratch"

    def find(self, stage: str, key: str, *, verify: bool = True) -> Sealed | None:
        """The artefact of ``key``, None if there is none.

        ``verify``: read all its bytes and raise StoreError, with the path, if one was changed.
        """
        for folder in self._folders(stage, key):
            if not os.path.lexists(folder):
                return None
            if Manifest.load(folder).key == key:
                return Sealed(folder, verify_folder(folder) if verify else Manifest.load(folder))
        return None

    def _folders(self, stage: str, key: str) -> list[Path]:
        return [self.root / f"{stage}-{key[:length]}" for length in _PREFIXES]

    @contextmanager
    def lock(self, key: str, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold ``key`` against other processes; ``on_wait`` is called once if it must be waited for."""
        from filelock import FileLock, Timeout

        folder = self.root / ".locks"
        with self._explained(f"begin work in the store {self.root}"):
            folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(folder / f"{key}.lock", mode=0o666)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                if on_wait is not None:
                    on_wait()
                lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def lock_if_free(self, key: str) -> Iterator[bool]:
        """Hold ``key`` if nobody does, and say whether that is so. Raises StoreError if the store can't be written."""
        from filelock import FileLock, Timeout

        with self._explained(f"lock {key[:12]} in the store {self.root}"):
            (self.root / ".locks").mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.root / ".locks" / f"{key}.lock", mode=0o666)
            with suppress(Timeout):
                lock.acquire(timeout=0)
        try:
            yield lock.is_locked
        finally:
            lock.release()

    @contextmanager
    def workplace(self, stage: str, key: str, *, scratch: bool) -> Iterator[Workplace]:
        """An empty folder to work in, removed at the end unless sealed; call with the lock of ``key`` held.

        A failure of the disk inside, also in the stage's own writing, comes out as StoreError.
        """
        aim = f"write what stage '{stage}' makes into the store {self.root}"
        kept = self.scratch_folder / key if scratch else None
        with self._explained(aim):
            self._drop_leftovers(key)
            self.temporary_folder.mkdir(parents=True, exist_ok=True)
            prefix = f"{key}.{socket.gethostname()}.{os.getpid()}."
            out = Path(tempfile.mkdtemp(prefix=prefix, dir=self.temporary_folder))
        try:
            with self._explained(aim):  # before the folder goes: whether the disk is full is asked while it is
                if kept is not None:
                    kept.mkdir(parents=True, exist_ok=True)
                yield Workplace(out, kept, kept is not None and any(kept.iterdir()))
        finally:
            shutil.rmtree(out, ignore_errors=True)

    @contextmanager
    def follower_place(self, key: str) -> Iterator[Workplace]:
        """A throw-away folder for a process that works along with the one that holds ``key``."""
        with self._explained(f"write into the store {self.root}"):
            scratch = self.scratch_folder / key
            scratch.mkdir(parents=True, exist_ok=True)
            prefix = f"{FOLLOWER}{key}.{socket.gethostname()}.{os.getpid()}."
            with tempfile.TemporaryDirectory(prefix=prefix, dir=self.temporary_folder) as out:
                yield Workplace(Path(out), scratch, False)

    def _drop_leftovers(self, key: str) -> None:
        """Remove what a killed process left of this key: the lock is held here, so it is nobody's now."""
        if self.temporary_folder.is_dir():
            for folder in self.temporary_folder.glob(f"{key}.*"):
                shutil.rmtree(folder, ignore_errors=True)

    def seal(self, out: Path, draft: Manifest) -> Sealed:
        """Make the folder ``out`` the artefact of ``draft.key``; files and digests of the draft are filled in here.

        On return it is on the disk, readable for everybody, and its scratch is gone. Raises StoreError.
        """
        with self._explained(f"seal what stage '{draft.stage}' made in the store {self.root}"):
            if os.path.lexists(out / MANIFEST):
                raise StoreError(f"stage '{draft.stage}' wrote {MANIFEST}, a name that the store needs; rename it")
            _drop_empty_folders(out)
            files = entries_of(out)
            digest = tree_digest({name: entry.sha256 for name, entry in files.items()})
            manifest = draft.model_copy(update={"files": files, "digest": digest}).sealed()
            _settle(out)
            with (out / MANIFEST).open("xb") as file:
                file.write(manifest.text().encode())
                os.fchmod(file.fileno(), 0o644)
                file.flush()
                os.fsync(file.fileno())
            to_disk(out)
            folder = self._publish(out, manifest)
            to_disk(self.root)
        shutil.rmtree(self.scratch_folder / manifest.key, ignore_errors=True)
        return Sealed(folder, manifest)

    def _publish(self, out: Path, manifest: Manifest) -> Path:
        for folder in self._folders(manifest.stage, manifest.key):
            try:
                os.rename(out, folder)
                return folder
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    raise
                if Manifest.load(folder).key == manifest.key:
                    raise StoreError(f"{folder} appeared while it was made here; run again to use it") from error
        raise StoreError(f"no free name for {manifest.stage}-{manifest.key} in {self.root}; run compress store gc")

    @contextmanager
    def _explained(self, aim: str) -> Iterator[None]:
        """Turn failures of the disk into one line; everything else passes through."""
        try:
            yield
        except CompressError:
            raise
        except Exception as error:
            line = self._explanation(aim, error)
            if line is None:
                raise
            raise StoreError(line) from error

    def _explanation(self, aim: str, error: Exception) -> str | None:
        number = error.errno if isinstance(error, OSError) else None
        if number in _FULL or "No space left on device" in str(error) or self._is_full():
            spot = getattr(error, "filename", None)
            where = f" ({spot})" if spot else ""
            return f"can't {aim}: no space left{where}; free some (compress store gc) and run again, it resumes"
        if number is None and (any(words in str(error) for words in _IN_OTHER_WORDS) or self._is_broken()):
            return f"can't {aim}: is the disk full, or read-only? Mend it and run again, it resumes"
        if number == errno.EIO:
            return f"can't {aim}: {os.strerror(errno.EIO)}; mend the disk and run again, it resumes"
        if not isinstance(error, OSError) or not self._holds(error.filename) or number == errno.ENOENT:
            return None  # not the disk's fault, or a mistake in the stage
        reason = error.strerror or str(error)
        if number in _DENIED:
            return f"can't {aim}: {reason} ({error.filename}); make it writable or choose another store"
        return f"can't {aim}: {reason} ({error.filename})"

    def _is_full(self) -> bool:
        # Libraries that write files themselves report a full disk in their own words, or as an internal error.
        with suppress(OSError):
            return shutil.disk_usage(self.root).free < _FREE_BYTES_IF_FULL
        return False

    def _is_broken(self) -> bool:
        # torch.save says "unexpected pos" where a file system has turned read-only beneath it: the disk is asked.
        try:
            with tempfile.TemporaryFile(dir=self.root) as file:
                file.write(b"0")
        except OSError as error:
            return error.errno in _BROKEN
        return False

    def _holds(self, filename: object) -> bool:
        if not isinstance(filename, str | os.PathLike):
            return False
        path = Path(os.path.abspath(filename))
        return path.is_relative_to(self.root) or self.root.is_relative_to(path)

    def ls(self) -> tuple[Entry, ...]:
        """Every artefact by name, by their manifests alone. Raises StoreError if the store can't be read."""
        entries = []
        for folder in self._artefact_folders():
            try:
                entries.append(Entry(folder, Manifest.load(folder), None))
            except StoreError as error:
                entries.append(Entry(folder, None, str(error)))
        return tuple(entries)

    def verify(self) -> tuple[str, ...]:
        """Read every byte of every artefact; one line per problem, nothing if all is as it was sealed."""
        problems = []
        for folder in self._artefact_folders():
            try:
                manifest = verify_folder(folder)
            except StoreError as error:
                problems.append(str(error))
                continue
            if folder not in self._folders(manifest.stage, manifest.key):
                problems.append(f"{folder} holds {manifest.stage}-{manifest.key[:12]}: renamed; remove it")
        return tuple(problems)

    def _artefact_folders(self) -> list[Path]:
        if not self.root.exists():
            return []
        try:
            return sorted(path for path in self.root.iterdir() if not path.name.startswith("."))
        except OSError as error:
            raise StoreError(f"the store {self.root} can't be read: {error.strerror or error}") from error

    def most_like(self, stage: str, sections: Mapping[str, Mapping[str, Any]]) -> Manifest | None:
        """The manifest of the stage's artefact whose settings differ in the fewest values; None if it never ran here.

        Of equally like ones the newest, but one that was made in one go before one that was resumed.
        """
        wanted, best = _values(sections), None
        for folder in self.root.glob(f"{stage}-*"):
            with suppress(StoreError):
                manifest = Manifest.load(folder)
                if manifest.stage == stage:
                    differing = len(wanted ^ _values(manifest.sections))
                    rank = (-differing, not manifest.resumed, manifest.created)
                    best = max(best, (rank, manifest), key=lambda each: each[0]) if best else (rank, manifest)
        return best[1] if best else None


def _values(sections: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Every setting with its value, as text."""

    def flat(name: str, value: Any) -> Iterator[str]:
        if isinstance(value, Mapping) and value:
            for key, inner in value.items():
                yield from flat(f"{name}.{key}", inner)
        else:
            yield f"{name}={json.dumps(value, sort_keys=True)}"

    return {text for section, values in sections.items() for text in flat(section, values)}


def _drop_empty_folders(folder: Path) -> None:
    for parent, _, _ in os.walk(folder, topdown=False):
        if Path(parent) != folder and not os.listdir(parent):
            os.rmdir(parent)


def _settle(folder: Path) -> None:
    """Put all files on the disk and let teammates read them."""
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            path = Path(parent, name)
            executable = path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
            to_disk(path)
        os.chmod(parent, 0o755)
        to_disk(Path(parent))
