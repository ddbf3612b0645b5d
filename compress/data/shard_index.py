"""What lies where in a shard: a tar file, read through once and remembered until it changes."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
import time
import zlib
from pathlib import Path

from compress.data.member import Member
from compress.errors import DataError
from compress.store.digests import is_settled, stamp_of
from compress.store.memory import Table, memory_of

SHARDS = Table(
    "shards.sqlite3", "shards",
    ("path BLOB", "size INTEGER", "mtime INTEGER", "ctime INTEGER", "inode INTEGER", "device INTEGER", "members BLOB"),
    keys=1,
)  # fmt: skip


def members_of(shard: Path) -> list[Member]:
    """The files in a tar file in their order, without hidden ones; names without a leading ``./``.

    Raises:
        DataError: it can't be read, is compressed, damaged or cut off, or holds links.
    """
    shard = Path(os.path.abspath(shard))
    key = os.fsencode(shard)
    try:
        before = stamp_of(shard)
        row = memory_of(SHARDS).find((), [key]).get(key)
        if row and row[:-1] == before and (kept := _unpacked(shard, row[-1])) is not None:
            return kept
        started_ns = time.time_ns()
        found = _read(shard)
        if is_settled(shard, before, started_ns):
            memory_of(SHARDS).keep([(key, *before, _packed(found))])
    except tarfile.TarError as error:
        raise DataError(f"{shard}: no tar file, or damaged ({error}); compressed ones have to be unpacked") from error
    except OSError as error:
        raise DataError(f"{shard}: can't be read ({error.strerror})") from error
    return found


def _read(shard: Path) -> list[Member]:
    found = []
    with tarfile.open(shard, "r:") as tar:
        while (entry := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # it would keep them all
            name = entry.name.removeprefix("./")
            if entry.isdir() or name.rpartition("/")[2].startswith("."):
                continue
            content = None if entry.issparse() or not entry.isreg() else tar.extractfile(entry)
            if content is None:
                raise DataError(f"{shard}: {name} is a link or no plain file; shards hold the pictures themselves")
            with content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()  # type: ignore[arg-type]
            found.append(Member(shard, name, entry.offset_data, entry.size, digest))
        _check_end(shard, tar.offset)
    return found


def _check_end(shard: Path, offset: int) -> None:
    """A whole tar file ends in zeros. The library takes a damaged header for the end of the file."""
    with shard.open("rb") as file:
        file.seek(offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise DataError(f"{shard}: cut off or damaged at byte {offset}; replace the shard")


def _packed(members: list[Member]) -> bytes:
    rows = [(member.name, member.offset, member.size, member.digest) for member in members]
    return zlib.compress(json.dumps(rows).encode(), level=1)


def _unpacked(shard: Path, packed: bytes) -> list[Member] | None:
    """None where it is damaged: then the shard is read again."""
    try:
        return [Member(shard, name, offset, size, digest) for name, offset, size, digest in json.loads(
            zlib.decompress(packed))]  # fmt: skip
    except (zlib.error, ValueError, TypeError):
        return None
