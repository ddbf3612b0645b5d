"""A bundle as one file: a tar (POSIX ustar), alone or in zstd, that has exactly one spelling for a folder's bytes.

Files only, sorted by name below ``bundle/``, mode 644, no owner, no time. The reader takes nothing else: every header
has to be, byte for byte, the one that ``pack`` would write for that name and size. So links, devices, folders,
names that lead out, twins, long-name and sparse extensions have no way in, and the folder that a tar is unpacked
into holds what was packed. What is in a zstd frame is bounded while it is unpacked, header by header.
"""

from __future__ import annotations

import os
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from compress.bundle.manifest import check_path
from compress.bundle.verify import walk
from compress.errors import SignatureError

ROOT = "bundle/"
MAX_BYTES = 2 * 2**30
"""What all files of an archive may hold together; a whole bundle of real builds has some 20 MB."""
MAX_FILES = 20_000
ZSTD_LEVEL = 19
_MAX_WINDOW_BYTES = 2**27
_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 2**20
_LONGEST_FRAME_HEADER = 18
_RUN_BLOCK = 1
_MAGIC = b"\x28\xb5\x2f\xfd"
_KINDS = {
    tarfile.SYMTYPE: "a symbolic link", tarfile.LNKTYPE: "a link", tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device", tarfile.FIFOTYPE: "a pipe", tarfile.DIRTYPE: "a folder",
    tarfile.GNUTYPE_SPARSE: "a sparse file", tarfile.GNUTYPE_LONGNAME: "a name too long",
    tarfile.GNUTYPE_LONGLINK: "a name too long", tarfile.XHDTYPE: "an extended header",
    tarfile.XGLTYPE: "an extended header", tarfile.SOLARIS_XHDTYPE: "an extended header",
}  # fmt: skip


def pack(folder: Path, target: Path, zstd: bool = False) -> None:
    """Write the files below ``folder`` as the tar ``target``, in a zstd frame where asked; whole or not at all.

    The tar has the same bytes on every machine; its zstd form where the ``zstandard`` library is the same.
    Raises ``SignatureError`` for links, odd or over-long names, and for zstd without that library.
    """
    sizes = _plain_files(folder)
    if folder.resolve() in (target.resolve(), *target.resolve().parents):
        raise SignatureError(f"{target}: an archive can't lie in the folder that it is made of")
    library = _zstd() if zstd else None
    try:
        with tempfile.NamedTemporaryFile(prefix=".pack-", dir=target.parent) as file:
            if library is not None:
                compressor = library.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True)
                with compressor.stream_writer(file, size=_tar_bytes(sizes), closefd=False) as frame:
                    _write_tar(folder, sizes, frame)
            else:
                _write_tar(folder, sizes, file)
            file.flush()
            os.chmod(file.name, 0o644)
            target.unlink(missing_ok=True)
            os.link(file.name, target)
    except OSError as error:
        raise SignatureError(f"can't write {target}: {error.strerror}") from None


@contextmanager
def opened(bundle: Path) -> Iterator[Path]:
    """A bundle as a folder: itself, or what an archive holds, in a temporary folder that is gone afterwards.

    Raises ``SignatureError`` for an archive that ``pack`` did not write; errors of what is done inside name the
    archive instead of the temporary folder.
    """
    if not bundle.is_file():
        yield bundle
        return
    with tempfile.TemporaryDirectory(prefix="compress-verify-") as text:
        place = Path(text) / "bundle"
        unpack(bundle, place)
        try:
            yield place
        except SignatureError as error:
            error.args = tuple(str(part).replace(str(place), str(bundle)) for part in error.args)
            raise


def unpack(archive: Path, folder: Path, max_bytes: int = MAX_BYTES) -> None:
    """Write the files of ``archive`` into the new folder ``folder``. Raises ``SignatureError`` as said above."""
    try:
        with archive.open("rb") as file:
            compressed = file.read(len(_MAGIC)) == _MAGIC
            file.seek(0)
            if compressed:
                _unpack_zstd(archive, file, folder, max_bytes)
            else:
                _Reader(archive, file, folder, max_bytes).read()
    except OSError as error:
        raise SignatureError(f"can't read {archive}: {error.strerror or error}") from None


def _unpack_zstd(archive: Path, file: IO[bytes], folder: Path, max_bytes: int) -> None:
    library = _zstd()
    if not _is_one_frame(file, library):
        raise SignatureError(f"{archive}: cut short, or more bytes behind the end of the archive")
    file.seek(0)
    frames = library.ZstdDecompressor(max_window_size=_MAX_WINDOW_BYTES)
    try:
        with frames.stream_reader(file, closefd=False) as plain:
            _Reader(archive, plain, folder, max_bytes).read()
    except library.ZstdError as error:
        raise SignatureError(f"{archive}: broken zstd data: {error}") from None


def _is_one_frame(file: IO[bytes], library: Any) -> bool:
    """Whether the file is one zstd frame and nothing else (RFC 8878, 3.1.1); blocks are skipped, not unpacked."""
    start = file.read(_LONGEST_FRAME_HEADER)
    try:
        has_checksum = library.get_frame_parameters(start).has_checksum
        place: int = library.frame_header_size(start)
    except library.ZstdError:
        return False
    last = False
    while not last:
        file.seek(place)
        head = int.from_bytes(file.read(3), "little")
        last, kind, size = bool(head & 1), head >> 1 & 3, head >> 3
        place += 3 + (1 if kind == _RUN_BLOCK else size)
        if place > file.seek(0, os.SEEK_END):
            return False
    return file.seek(0, os.SEEK_END) == place + (4 if has_checksum else 0)


def _zstd() -> Any:
    try:
        import zstandard
    except ImportError:
        raise SignatureError("zstd needs a library, pip install 'compress[zstd]'; or use a plain tar") from None
    return zstandard


def _plain_files(folder: Path) -> dict[str, int]:
    """Size by name, sorted by the bytes of the name; everything that is no plain file with a plain name is refused."""
    sizes: dict[str, int] = {}
    for path, info in walk(folder):
        if problem := check_path(path):
            raise SignatureError(f"{folder}: {path!r} can't be in an archive: {problem}")
        if stat.S_ISDIR(info.st_mode):
            continue
        if not stat.S_ISREG(info.st_mode):
            raise SignatureError(f"{folder}: {path}: a link or special file can't be in an archive")
        _header(path, info.st_size)  # refuses a name that does not fit
        sizes[path] = info.st_size
    if not sizes:
        raise SignatureError(f"{folder}: no bundle, there is nothing in it")
    return dict(sorted(sizes.items()))


def _header(path: str, size: int) -> bytes:
    info = tarfile.TarInfo(ROOT + path)
    info.size, info.mode, info.mtime, info.type = size, 0o644, 0, tarfile.REGTYPE
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
    except (ValueError, UnicodeError):
        raise SignatureError(f"{path}: a name too long for a tar, or more than 8 GiB") from None


def _padding(size: int, block: int = _BLOCK) -> int:
    return -size % block


def _tar_bytes(sizes: dict[str, int]) -> int:
    total = sum(_BLOCK + size + _padding(size) for size in sizes.values()) + 2 * _BLOCK
    return total + _padding(total, tarfile.RECORDSIZE)


def _write_tar(folder: Path, sizes: dict[str, int], target: Any) -> None:
    written = 0
    for path, size in sizes.items():
        target.write(_header(path, size))
        with (folder / path).open("rb") as source:
            left = size
            while left and (chunk := source.read(min(left, _CHUNK))):
                target.write(chunk)
                left -= len(chunk)
            if left or source.read(1):
                raise SignatureError(f"{folder / path}: changed while it was packed")
        target.write(bytes(_padding(size)))
        written += _BLOCK + size + _padding(size)
    target.write(bytes(_tar_bytes(sizes) - written))


class _Reader:
    """Reads one archive from front to end; stops at the first byte that is not as it should be."""

    def __init__(self, archive: Path, source: Any, folder: Path, max_bytes: int) -> None:
        self._archive, self._source, self._folder, self._left = archive, source, folder, max_bytes
        self._last = ""
        self._seen: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def read(self) -> None:
        self._folder.mkdir()
        while any(header := self._exactly(_BLOCK)):
            path, size = self._entry(header)
            self._file(path, size)
            self._zeros(_padding(size), f"{path} is followed by something")
            self._sizes[path] = size
        if not self._sizes:
            raise self._refused("an empty archive")
        rest = _tar_bytes(self._sizes) - sum(_BLOCK + size + _padding(size) for size in self._sizes.values()) - _BLOCK
        self._zeros(rest, "its end is not empty")
        if self._source.read(1):
            raise self._refused("more bytes behind the end of the archive")

    def _entry(self, header: bytes) -> tuple[str, int]:
        try:
            info = tarfile.TarInfo.frombuf(header, "ascii", "surrogateescape")
        except tarfile.HeaderError as error:
            raise self._refused(f"not a tar that compress wrote ({error})") from None
        name = info.name
        if info.type != tarfile.REGTYPE:
            raise self._refused(f"{name!r} is {_KINDS.get(info.type, 'no plain file')}")
        path = name.removeprefix(ROOT)
        problem = check_path(path) if name.startswith(ROOT) else check_path(name) or f"not below {ROOT}"
        if problem:
            raise self._refused(f"{name!r}: {problem}")
        self._in_order(path)
        if info.size < 0 or _header(path, info.size) != header:
            raise self._refused(f"{path}: its header is not the one that compress writes")
        return path, info.size

    def _in_order(self, path: str) -> None:
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            part = "/".join(parts[:end])
            other = self._seen.setdefault(part.lower(), part)
            if other != part:
                raise self._refused(f"{part!r} and {other!r} differ only by case")
        if path == self._last or path in self._sizes:
            raise self._refused(f"{path}: twice")
        if path < self._last:
            raise self._refused(f"{path}: not in order")
        if any("/".join(parts[:end]) in self._sizes for end in range(1, len(parts))):
            raise self._refused(f"{path}: below a file")
        if len(self._sizes) >= MAX_FILES:
            raise self._refused(f"more than {MAX_FILES} files")
        self._last = path

    def _file(self, path: str, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise self._refused(f"{path}: the archive holds too much, this is where it was given up")
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            while size:
                chunk = self._exactly(min(size, _CHUNK))
                file.write(chunk)
                size -= len(chunk)

    def _exactly(self, count: int) -> bytes:
        parts = []
        while count and (chunk := self._source.read(count)):
            parts.append(chunk)
            count -= len(chunk)
        if count:
            raise self._refused("cut short")
        return b"".join(parts)

    def _zeros(self, count: int, problem: str) -> None:
        if any(self._exactly(count)):
            raise self._refused(problem)

    def _refused(self, what: str) -> SignatureError:
        return SignatureError(f"{self._archive}: {what}")
