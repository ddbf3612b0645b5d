"""What can happen to a run. Each fault strikes once, while the command runs, and is mended before the next run."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from kill_bench import processes
from kill_bench.chains import CLUSTER, CONVERTER, PLAIN, TWO_RANKS, Chain
from kill_bench.disk import Disk

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
"""Debian's libfaketime, where it is installed."""
_JUMPS = ("-400d", "-2d", "-1h", "+1h", "+2d", "+400d")


@dataclass(frozen=True)
class Struck:
    """A running command: its process, the mark of all it started, the folder that the round has.

    ``within_s``: the part of the disturbed stage's own time after which it is struck.
    """

    pid: int
    token: str
    folder: Path
    chance: random.Random
    within_s: float


class Fault(ABC):
    """``lives``: the run is expected to go on, and to end as an unbroken one does. ``waits``: it looks for its moment
    by itself, from the command's start on.
    """

    name: str
    chains: tuple[Chain, ...] = (PLAIN,)
    lives = False
    waits = False

    @abstractmethod
    def strike(self, run: Struck) -> bool:
        """False where there was nothing to strike."""

    def mend(self) -> None:
        """So that the next run can go on."""
        return

    def environment(self, folder: Path) -> dict[str, str]:
        """What the command needs so that it can be struck."""
        return {}


class KillProcess(Fault):
    """The command alone."""

    name, chains = "SIGKILL of the process", (PLAIN, CONVERTER)

    def strike(self, run: Struck) -> bool:
        processes.kill(run.pid)
        return True


class KillAll(Fault):
    """The command with everything it started: an out-of-memory killer, a container that is stopped."""

    name, chains = "SIGKILL of all processes", (PLAIN, CONVERTER, TWO_RANKS)

    def strike(self, run: Struck) -> bool:
        for process in processes.started(run.token):
            processes.kill(process.pid)
        return True


class KillChild(Fault):
    """One of the processes that it started: a converter, its guard, one of two that train together."""

    name, chains = "SIGKILL of a child", (CONVERTER, TWO_RANKS)
    patience_s = 20.0

    def strike(self, run: Struck) -> bool:
        until = time.monotonic() + self.patience_s
        while time.monotonic() < until:
            all_of_it = processes.started(run.token)
            children = sorted(each.pid for each in all_of_it if each.pid != run.pid)
            if children:
                processes.kill(run.chance.choice(children))
                return True
            if not all_of_it:
                return False
            time.sleep(0.01)
        return False


class KillWorker(Fault):
    """A worker of the cluster that has one of the tasks. Workers live on, so that later runs start sooner than the
    first: the moment counts from where a worker is busy."""

    name, chains, lives, waits = "SIGKILL of a Ray worker", (CLUSTER,), True, True

    def strike(self, run: Struck) -> bool:
        while processes.started(run.token):
            if processes.workers():
                time.sleep(run.within_s)
                if busy := processes.workers():
                    processes.kill(run.chance.choice(busy))
                    return True
            time.sleep(0.01)
        return False


class FillDisk(Fault):
    """Not a byte is left where the store, the keys and the temporary files are."""

    name = "full disk"

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def strike(self, run: Struck) -> bool:
        self.disk.fill()
        return True

    def mend(self) -> None:
        self.disk.free()


class FailDisk(Fault):
    """The file system turns read-only beneath open files."""

    name = "read-only file system"

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    def strike(self, run: Struck) -> bool:
        self.disk.fail()
        return True

    def mend(self) -> None:
        self.disk.mend()


class JumpClock(Fault):
    """The clock of the day jumps, by libfaketime: the machine's own is not touched, nor are the times of files."""

    name, lives = "clock jump", True

    def strike(self, run: Struck) -> bool:
        _set(run.folder, run.chance.choice(_JUMPS))
        return True

    def environment(self, folder: Path) -> dict[str, str]:
        _set(folder, "+0")
        return {
            "LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(folder / "clock"), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1", "FAKETIME_DONT_RESET": "1",
        }  # fmt: skip


def _set(folder: Path, offset: str) -> None:
    spare = folder / "clock.new"
    spare.write_text(f"{offset}\n", encoding="ascii")
    spare.rename(folder / "clock")
