"""Digests: of files (remembered), of settings, of folders. SHA-256 everywhere, in hex.

Hashing a data set of a thousand pictures takes seconds, so ``file_digest`` remembers what it read in
a small SQLite file under ``$COMPRESS_CACHE`` (default ``~/.cache/compress``). The memory is only ever
a short cut: without a writable place for it, or with a broken file there, everything still works.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

# A file changed twice within one tick of its clock keeps its time stamp, so an entry is only trusted
# when the file had been left alone for this long before it was hashed (git calls such files "racy").
SETTLED_NS = 2_000_000_000
_DATABASE = "digests.sqlite3"


def hash_file(path: Path) -> str:
    """SHA-256 of the bytes of ``path``, always read. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of ``path``; a file whose size, times and inode are unchanged is not read again. Raises OSError."""
    path = Path(os.path.abspath(path))
    before = _stamp(path)
    known = _memory().get(path, before)
    if known is not None:
        return known
    started_ns = time.time_ns()
    digest = hash_file(path)
    if _stamp(path) == before and started_ns - max(before[1], before[2]) >= SETTLED_NS:
        _memory().put(path, before, digest)
    return digest


def digest_of(value: Any) -> str:
    """SHA-256 over the canonical JSON of ``value``: keys sorted, no spaces, ASCII.

    Takes what JSON has (tuples count as lists). Raises TypeError for other types and for keys that
    aren't text, ValueError for NaN and infinity: two different settings must never look alike.
    """
    _check_keys(value)
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def tree_digest(files: Mapping[str, str]) -> str:
    """Digest of a folder from the digests of its files, by relative path with forward slashes."""
    return digest_of(dict(files))


def _check_keys(value: Any) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"key {key!r} is not text")
            _check_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check_keys(inner)


_Stamp = tuple[int, int, int, int, int]


def _stamp(path: Path) -> _Stamp:
    """Size, mtime, ctime (a copied-back mtime does not fool it), inode and device of a file."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev


class _Memory:
    """Path and stamp to digest, in SQLite; does nothing where there is no place for it."""

    def __init__(self, folder: Path | None) -> None:
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._connection = _open(folder / _DATABASE)
        except (sqlite3.Error, OSError):
            self._connection = _reopen(folder / _DATABASE)

    def get(self, path: Path, stamp: _Stamp) -> str | None:
        query = "SELECT digest FROM files WHERE path=? AND size=? AND mtime=? AND ctime=? AND inode=? AND device=?"
        if self._connection is None:
            return None
        with self._lock, suppress(sqlite3.Error):
            row = self._connection.execute(query, (os.fsencode(path), *stamp)).fetchone()
            return str(row[0]) if row else None
        return None

    def put(self, path: Path, stamp: _Stamp, digest: str) -> None:
        if self._connection is None:
            return
        with self._lock, suppress(sqlite3.Error):
            values = (os.fsencode(path), *stamp, digest)
            self._connection.execute("INSERT OR REPLACE INTO files VALUES (?,?,?,?,?,?,?)", values)


def _open(database: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(database, timeout=2, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=OFF")  # worst case of a power cut: files are hashed again
    connection.execute(
        "CREATE TABLE IF NOT EXISTS files (path BLOB PRIMARY KEY, size INTEGER, mtime INTEGER,"
        " ctime INTEGER, inode INTEGER, device INTEGER, digest TEXT)"
    )
    connection.execute("SELECT path, size, mtime, ctime, inode, device, digest FROM files LIMIT 1")
    return connection


def _reopen(database: Path) -> sqlite3.Connection | None:
    """The database was not readable: begin a new one if it is broken, do without if it can't be written."""
    with suppress(sqlite3.Error, OSError):
        if database.is_file():
            database.unlink()
            return _open(database)
    return None


_memories: dict[tuple[int, Path | None], _Memory] = {}


def _memory() -> _Memory:
    """The memory of this process (a connection must not cross a fork)."""
    spot = os.getpid(), _cache_folder()
    if spot not in _memories:
        _memories[spot] = _Memory(spot[1])
    return _memories[spot]


def _cache_folder() -> Path | None:
    named = os.environ.get("COMPRESS_CACHE")
    if named:
        return Path(named).absolute()
    try:
        return Path.home() / ".cache" / "compress"
    except RuntimeError:  # no home
        return None
