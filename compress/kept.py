"""Files that a later attempt trusts: whole, or not there, even if the disk fails a moment after."""

from __future__ import annotations

import os
from pathlib import Path


def keep(part: Path, path: Path) -> None:
    """Make the written file ``part`` the file ``path``, in the same folder.

    Its bytes are on the disk before its name is: a file system may otherwise keep the name and lose the bytes. The
    rename itself may be lost; then ``path`` is not there. Raises OSError.
    """
    with part.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(part, path)
