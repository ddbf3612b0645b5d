"""One measurement at a time on a machine, whoever asks for it.

The lock is the operating system's: it ends with the process that holds it, however that ends, so none is ever
stale and needs an expiry.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Callable, Iterator


class Held(Exception):
    """Another process measures here and does not end."""


def lock_folder() -> Path:
    """Where the lock lies: with the user's caches, and where there can be none, with the temporary files."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "compress"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        folder = Path(tempfile.gettempdir()) / f"compress-{os.getuid()}"
        folder.mkdir(exist_ok=True)
    return folder


@contextlib.contextmanager
def held(wait_s: float, say: Callable[[str], None], folder: Path) -> Iterator[None]:
    """Hold this machine for one measurement, waiting ``wait_s`` for others. Raises Held, naming the holder."""
    with (folder / "device.lock").open("a+") as file:
        until = time.monotonic() + wait_s
        while not _taken(file.fileno()):
            if time.monotonic() > until:
                raise Held(f"measured by {_owner(file)}; wait for it or end it ({file.name})")
            say(f"waits for {_owner(file)}")
            time.sleep(min(2.0, max(0.01, wait_s / 10)))
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}, file)
        file.flush()
        yield


def _taken(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _owner(file: object) -> str:
    try:
        file.seek(0)  # type: ignore[attr-defined]
        facts = json.loads(file.read())  # type: ignore[attr-defined]
        return "process {pid} since {since}".format(**facts)
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
