"""Digests: of files (remembered), of settings, of folders. SHA-256 everywhere, in hex.

Hashing a data set of a thousand pictures takes seconds, so what was read is remembered (``store.memory``) by the
file's path, size, times and inode.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from compress.store.memory import Table, memory_of, some_at_once

# A file changed twice within one tick of its clock keeps its time stamp, so an entry is only trusted
# when the file had been left alone for this long before it was hashed (git calls such files "racy").
SETTLED_NS = 2_000_000_000
FILES = Table(
    "digests.sqlite3", "files",
    ("path BLOB", "size INTEGER", "mtime INTEGER", "ctime INTEGER", "inode INTEGER", "device INTEGER", "digest TEXT"),
    keys=1,
)  # fmt: skip
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
_THREADS = 4
"""That read files: on a network one waits for each."""

Stamp = tuple[int, int, int, int, int]
"""Size, mtime, ctime (a copied-back mtime does not fool it), inode and device of a file."""


def hash_file(path: Path) -> str:
    """SHA-256 of the bytes of ``path``, always read. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of ``path``; a file whose size, times and inode are unchanged is not read again. Raises OSError."""
    return next(file_digests((path,)))


def file_digests(paths: Iterable[Path]) -> Iterator[str]:
    """``file_digest`` of each, in order; of many files much faster than one by one. Raises OSError."""
    for some in some_at_once(paths):
        yield from _digests_of([os.path.abspath(path) for path in some])


def _digests_of(paths: list[str]) -> list[str]:
    keys = [os.fsencode(path) for path in paths]
    before = [stamp_of(path) for path in paths]
    remembered = memory_of(FILES).find((), keys)
    kept = [remembered.get(key) for key in keys]
    digests = [str(row[-1]) if row and row[:-1] == stamp else "" for row, stamp in zip(kept, before, strict=True)]
    unknown = [place for place, digest in enumerate(digests) if not digest]
    started_ns = time.time_ns()
    for place, digest in zip(unknown, _hashed([paths[place] for place in unknown]), strict=True):
        digests[place] = digest
    # looked at again after all were read: a file that changed meanwhile is hashed anew the next time
    lasting = [place for place in unknown if is_settled(paths[place], before[place], started_ns)]
    if lasting:
        memory_of(FILES).keep((keys[place], *before[place], digests[place]) for place in lasting)
    return digests


def _hashed(paths: list[str]) -> list[str]:
    if len(paths) < _THREADS:
        return [_hash_named(path) for path in paths]
    with ThreadPoolExecutor(_THREADS, "digests") as pool:
        return list(pool.map(_hash_named, paths))


def _hash_named(path: str) -> str:
    try:
        return hash_file(Path(path))
    except OSError as error:  # a failing disk's has no name
        error.filename = error.filename or path
        raise


def stamp_of(path: Path | str) -> Stamp:
    """What would be another if the file were. Raises OSError."""
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev


def is_settled(path: Path | str, before: Stamp, started_ns: int) -> bool:
    """Whether what was read of ``path`` from ``started_ns`` on holds as long as its stamp is ``before``."""
    return stamp_of(path) == before and started_ns - max(before[1], before[2]) >= SETTLED_NS


def digest_of(value: Any) -> str:
    """SHA-256 over the canonical JSON of ``value``: keys sorted, no spaces, ASCII.

    Takes what JSON has (tuples count as lists). Raises TypeError for other types and for keys that
    aren't text, ValueError for NaN and infinity: two different settings must never look alike.
    """
    _check_keys(value)
    digest = hashlib.sha256()
    for piece in _CANONICAL.iterencode(value):  # the whole text, of a set's files, would be large
        digest.update(piece.encode("ascii"))
    return digest.hexdigest()


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
