"""This machine as a device: one measurement at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compress.devices.runner.lock import Held, held, lock_folder
from compress.errors import Busy


@contextmanager
def exclusive(wait_s: float = 600.0, folder: Path | None = None) -> Iterator[None]:
    """Hold this machine for one measurement; others wait, as do those that reach it as a board.

    Raises Busy after ``wait_s``, naming the holder.
    """
    try:
        with held(wait_s, lambda _: None, folder or lock_folder()):
            yield
    except Held as error:
        raise Busy(f"this machine is {error}") from None
