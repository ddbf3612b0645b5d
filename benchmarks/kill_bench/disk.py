"""A disk of its own that can be filled, and that can fail: ext4 in a file, which then turns read-only by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

_PATIENCE_S = 20.0


class Disk:
    """``folder`` is where it is mounted. Needs root, and a kernel with loop devices and ext4."""

    def __init__(self, place: Path, size_mib: int) -> None:
        self.image, self.folder = place / "disk.img", place / "disk"
        self._size_mib = size_mib
        self._filler = self.folder / "filler"

    def __enter__(self) -> Self:
        """Raises OSError, subprocess.CalledProcessError where this machine does not let us."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.image.open("wb") as file:
            file.truncate(self._size_mib * 2**20)
        _do("mkfs.ext4", "-q", "-F", "-m", "0", str(self.image))
        self._mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._unmount()
        self.image.unlink()

    def fill(self) -> None:
        """Until not one byte more fits."""
        with suppress(OSError), self._filler.open("wb", buffering=0) as file:
            free = shutil.disk_usage(self.folder).free
            with suppress(OSError):
                os.posix_fallocate(file.fileno(), 0, max(1, free - 2**20))
            file.seek(0, os.SEEK_END)
            for size in (2**16, 2**12):
                with suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)

    def fail(self) -> None:
        """An error inside the file system: it takes no more writes, not even to files that are open."""
        device = _do("findmnt", "-no", "SOURCE", str(self.folder)).strip()
        trigger = Path("/sys/fs/ext4") / Path(device).name / "trigger_fs_error"
        trigger.write_text("kill_anywhere", encoding="ascii")

    def mend(self) -> None:
        """What an administrator does: unmount, check, mount."""
        self._unmount()
        done = subprocess.run(["e2fsck", "-p", str(self.image)], capture_output=True, text=True, check=False)
        if done.returncode > 1:
            raise OSError(f"{self.image}: e2fsck ended with {done.returncode}: {done.stdout}")
        self._mount()

    def _mount(self) -> None:
        _do("mount", "-o", "loop,errors=remount-ro", str(self.image), str(self.folder))

    def _unmount(self) -> None:
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                _do("umount", str(self.folder))
                return
            except subprocess.CalledProcessError:  # somebody's file is still open there
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)


@contextmanager
def disk_if_possible(place: Path, size_mib: int) -> Iterator[Disk | None]:
    """A disk; None where this machine does not let us mount one."""
    disk = Disk(place, size_mib)
    try:
        disk.__enter__()
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield disk
    finally:
        disk.__exit__(None, None, None)


def _do(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
