"""The processes that a round started, found by what stands in their environment."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

import psutil

from kill_bench.chains import CLUSTER, MARK


def started(token: str) -> list[psutil.Process]:
    """All that live, wherever they were adopted; zombies are dead."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == token:
                found.append(process)
    return found


def left_over(token: str, within_s: float = 10.0) -> list[str]:
    """What still runs ``within_s`` after the command's end, a line each."""
    until = time.monotonic() + within_s
    while (alive := started(token)) and time.monotonic() < until:
        time.sleep(0.1)
    lines = []
    for process in alive:
        with suppress(psutil.Error):
            lines.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
    return lines


def workers() -> list[int]:
    """Workers of the cluster that have a task now."""
    titles = [[f"ray::{stage}"] for stage in CLUSTER.stages]  # Ray's own helpers call themselves ray::, too
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cmdline()[:1] in titles:
                found.append(process.pid)
    return found


def kill(pid: int) -> None:
    """SIGKILL, to one that may be gone."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
