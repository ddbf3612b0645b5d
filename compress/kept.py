"""Files that a later attempt trusts: whole, or not there, even if the disk fails a moment after."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def keep(part: Path, path: Path) -> None:
    """Make the written file ``part`` the file ``path``, in the same folder.

    Its bytes are on the disk before its name is: a file system may otherwise keep the name and lose the bytes. The
    rename itself may be lost; then ``path`` is not there. Raises OSError.
    """
    to_disk(part)
    os.replace(part, path)


@contextmanager
def kept_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill; at the end it is ``folder``, with all files in it and below it whole. Raises OSError."""
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    yield part
    for path in (part, *part.rglob("*")):
        to_disk(path)
    os.rename(part, folder)


def to_disk(path: Path) -> None:
    """Return once the bytes of a file, or the names in a folder, are on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
