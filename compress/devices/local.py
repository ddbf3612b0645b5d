"""This machine as a device: one measurement at a time."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from compress.errors import Busy


@contextmanager
def exclusive(wait_s: float = 600.0, folder: Path | None = None) -> Iterator[None]:
    """Hold this machine for one measurement; others wait.

    The lock is the operating system's, so it ends with the process that holds it, killed or not: no
    stale lock needs an expiry. Raises Busy after ``wait_s``, naming the holder.
    """
    place = folder or Path(tempfile.gettempdir())
    name = place / f"compress-local-device-{os.getuid() if hasattr(os, 'getuid') else 0}"
    lock, owner = FileLock(f"{name}.lock"), Path(f"{name}.json")
    try:
        lock.acquire(timeout=wait_s)
    except Timeout:
        raise Busy(f"this machine is measured by {_owner(owner)}; wait for it or end it ({lock.lock_file})") from None
    try:
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
        owner.write_text(json.dumps(facts), encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _owner(path: Path) -> str:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        return f"process {facts['pid']} since {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
