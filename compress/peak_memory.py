"""The most memory that a piece of work takes: of this process and of those that it starts."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

INTERVAL_S = 1.0
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class PeakMemory:
    """Watches from ``with`` to its end; then ``peak_bytes`` is the largest resident size seen.

    Of this process Linux keeps the peak itself; elsewhere, and for the processes that it starts, what a look each
    second finds. Memory that several of them share counts once for each.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, name="peak memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        with suppress(OSError):
            _RESET.write_text("5\n", encoding="ascii")
        self._sample()
        self._watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._watch.join()
        self._sample()
        self.peak_bytes = max(self.peak_bytes, _high_water_bytes())

    def _look(self) -> None:
        while not self._over.wait(INTERVAL_S):
            self._sample()

    def _sample(self) -> None:
        import psutil

        own = psutil.Process()
        total = 0
        for process in (own, *own.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_info().rss
        self.peak_bytes = max(self.peak_bytes, total)


def _high_water_bytes() -> int:
    """This process's own peak since it was reset; 0 where the system keeps none."""
    with suppress(OSError):
        for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
