"""What is known of picture files by their content: digest, size, digest of the pixels.

Headers and pixels are read once and remembered (``store.memory``) by the file's content, so that neither a second
process nor the same pictures elsewhere, or in shards, are decoded again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from compress.data.member import Member, PictureFile
from compress.data.pictures import picture_size, read_picture
from compress.errors import DataError
from compress.store.digests import file_digests
from compress.store.memory import Table, memory_of, some_at_once

Fact = TypeVar("Fact")

Identified = tuple[PictureFile, bytes]
"""A file and the SHA-256 of its content, as bytes."""

FACTS = Table("pictures.sqlite3", "facts", ("fact TEXT", "content BLOB", "value BLOB"), keys=2)


def content_digests(files: Iterable[PictureFile]) -> Iterator[str]:
    """SHA-256 (hex) of the bytes of each, in order.

    Raises:
        DataError: a file can't be read.
    """
    for some in some_at_once(files):
        try:
            read = file_digests(file for file in some if isinstance(file, Path))
            yield from [file.digest if isinstance(file, Member) else next(read) for file in some]
        except OSError as error:
            raise DataError(f"{error.filename}: can't be read ({error.strerror})") from error


def picture_sizes(files: Iterable[Identified]) -> Iterator[tuple[int, int]]:
    """Height and width of each, in order. Raises DataError as ``picture_size``."""
    return _facts("size", files, picture_size, _as_bytes, _as_size)


def pixel_digests(files: Iterable[Identified]) -> Iterator[bytes]:
    """SHA-256 of each one's height, width and pixels, whatever its format. Raises DataError as ``read_picture``."""
    return _facts("pixels", files, _hash_pixels, bytes, _as_digest)


def _hash_pixels(file: PictureFile) -> bytes:
    picture = read_picture(file)
    digest = hashlib.sha256(str(picture.shape).encode())
    digest.update(picture.data)
    return digest.digest()


def _as_bytes(size: tuple[int, int]) -> bytes:
    return f"{size[0]}x{size[1]}".encode()


def _as_size(kept: bytes) -> tuple[int, int] | None:
    height, _, width = kept.partition(b"x")
    return (int(height), int(width)) if height.isdigit() and width.isdigit() else None


def _as_digest(kept: bytes) -> bytes | None:
    return kept if len(kept) == hashlib.sha256().digest_size else None


def _facts(
    name: str, files: Iterable[Identified], find: Callable[[PictureFile], Fact],
    written: Callable[[Fact], bytes], read: Callable[[bytes], Fact | None],
) -> Iterator[Fact]:  # fmt: skip
    """``find`` of each file in order, in threads, or what was found before in a file of the same content.

    ``read``: None for what ``written`` never wrote.
    """
    from PIL import __version__ as decoder

    fact = f"{name}, Pillow {decoder}"  # another one may decode otherwise
    with ThreadPoolExecutor(os.cpu_count(), "pictures") as pool:
        for some in some_at_once(files):
            contents = [content for _, content in some]
            kept = {content: read(row[0]) for content, row in memory_of(FACTS).find((fact,), contents).items()}
            known = {content: value for content, value in kept.items() if value is not None}
            first: dict[bytes, PictureFile] = {}
            for file, content in some:
                if content not in known:
                    first.setdefault(content, file)
            if first:
                found = dict(zip(first, pool.map(find, first.values()), strict=True))
                memory_of(FACTS).keep((fact, content, written(value)) for content, value in found.items())
                known |= found
            yield from [known[content] for content in contents]
