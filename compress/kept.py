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
    _settle(part)
    os.replace(part, path)


@contextmanager
def kept_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill; at the end it is ``folder``, with all its files whole. Raises OSError."""
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    yield part
    for path in part.iterdir():
        _settle(path)
    os.rename(part, folder)


def _settle(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
