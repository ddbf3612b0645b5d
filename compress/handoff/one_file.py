"""A bundle as one file: a plain tar (POSIX ustar), the same bytes for the same files, and back again, strictly.

Paths sorted, no times, no owners, mode 644. What comes out of an archive is nothing yet: whoever unpacks one
verifies the folder next.
"""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from compress.bundle.manifest import check_path
from compress.bundle.verify import walk
from compress.errors import SignatureError

MOST_FILES = 100_000
MOST_BYTES = 16 * 2**30
"""Unpacked; a small archive can't fill a disk with more."""
_END_BYTES = 1024


def pack(folder: Path, file: Path) -> None:
    """Write the files of ``folder`` into the new file ``file``. Raises SignatureError for what can't be in a bundle."""
    with file.open("xb") as raw, tarfile.open(fileobj=raw, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, _ in walk(folder):
            place = folder / path
            if place.is_symlink() or not (place.is_file() or place.is_dir()) or check_path(path):
                raise SignatureError(f"{folder}: {path!r} can't be in a bundle")
            if place.is_file():
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = place.stat().st_size, 0o644
                with place.open("rb") as content:
                    archive.addfile(entry, content)


def unpack(file: Path, folder: Path) -> None:
    """Write the files of the archive into the new folder ``folder``.

    Raises SignatureError for anything but plain files under plain names, each once, and for a cut archive.
    """
    folder.mkdir()
    left, taken = MOST_BYTES, set[str]()
    try:
        with tarfile.open(file, mode="r:") as archive:
            for entry in archive:
                left -= entry.size
                problem = _problem(entry, taken) or ("too large" if left < 0 or len(taken) >= MOST_FILES else None)
                if problem:
                    raise SignatureError(f"{file}: {entry.name!r}: {problem}")
                taken.add(entry.name.lower())
                _write(archive.extractfile(entry) or io.BytesIO(), folder / entry.name, entry.size)
        _check_end(file)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise SignatureError(f"{file}: not a whole archive of a bundle ({error})") from None
    except OSError as error:
        raise SignatureError(f"can't unpack {file}: {error.strerror}") from None


@contextmanager
def opened(place: Path) -> Iterator[Path]:
    """The folder of the bundle at ``place``: itself, or its archive unpacked for as long as it is looked at."""
    if not place.is_file():
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="compress-bundle-") as beside:
        folder = Path(beside) / "bundle"
        unpack(place, folder)
        yield folder


def _problem(entry: tarfile.TarInfo, taken: set[str]) -> str | None:
    if not entry.isreg():
        return "not a plain file"
    return "twice, or twice but for case" if entry.name.lower() in taken else check_path(entry.name)


def _write(content: IO[bytes], path: Path, size_bytes: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:
        shutil.copyfileobj(content, file)
        if file.tell() != size_bytes:  # tarfile itself is silent about a cut file
            raise ValueError("cut")


def _check_end(path: Path) -> None:
    """An archive ends with two blocks of zeros; one that was cut between two files has none."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _END_BYTES))
        if file.read() != bytes(_END_BYTES):
            raise ValueError("cut")
