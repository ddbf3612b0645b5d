"""Zip archives as torch writes them, looked through before torch opens one.

Python's zipfile and torch's miniz may read one file in two ways. What would let them is refused: bytes before the
first entry or behind the directory, and names that differ in case only, which miniz takes for one.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from compress.errors import NetworkRefused, WeightsError, one_line

ZIP = b"PK\x03\x04"
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, RuntimeError)
"""What zipfile makes of broken bytes; a NotImplementedError is a RuntimeError."""
MAX_RATIO = 20
"""What an archive's entries may come to together, in sizes of its file: weights do not shrink, code does by 3 to 6."""


@contextmanager
def opened(file: Path | IO[bytes], name: str, size_bytes: int) -> Iterator[zipfile.ZipFile]:
    """A torch archive of ``size_bytes``, its directory checked. ``name`` is what messages call it.

    Raises NetworkRefused for entries that lead outside, links, sizes beyond the file's; WeightsError for no whole one.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            _check(archive, name, size_bytes)
            yield archive
    except _BROKEN as error:
        raise WeightsError(f"{name}: not a whole archive ({one_line(error)}); copy or export it again") from None


def _check(archive: zipfile.ZipFile, name: str, size_bytes: int) -> None:
    entries = archive.infolist()
    if archive.comment or not entries or min(entry.header_offset for entry in entries) != 0:
        raise NetworkRefused(f"{name}: bytes around the archive, which programs read differently; export it again")
    seen: set[str] = set()
    for entry in entries:
        _check_name(entry, name)
        if entry.filename.lower() in seen:
            raise NetworkRefused(f"{name}: holds '{entry.filename}' twice, so it says two things; export it again")
        seen.add(entry.filename.lower())
        if entry.flag_bits & 1:
            raise NetworkRefused(f"{name}: '{entry.filename}' is encrypted")
        if entry.compress_type == zipfile.ZIP_STORED and entry.file_size != entry.compress_size:
            raise NetworkRefused(f"{name}: '{entry.filename}' claims {entry.file_size:,} bytes, has not as many")
    claimed = sum(entry.file_size for entry in entries)
    if claimed > MAX_RATIO * size_bytes or sum(entry.compress_size for entry in entries) > size_bytes:
        raise NetworkRefused(f"{name}: its entries claim {claimed:,} bytes, the file has {size_bytes:,}")


def _check_name(entry: zipfile.ZipInfo, name: str) -> None:
    text = entry.orig_filename
    parts = PurePosixPath(text).parts
    if not text or text.startswith("/") or ".." in parts or any(each in text for each in ("\\", "\0", ":")):
        raise NetworkRefused(f"{name}: its entry {text!r} leads outside of the archive")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise NetworkRefused(f"{name}: its entry {text!r} is a link")
