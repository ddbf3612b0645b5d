"""Run a command so that nothing of it outlives its end, its parent, or a stop. A script of its own:

    python -I -S guard.py PARENT_PID FOLDER COMMAND...

The guard adopts every process that the command leaves behind (Linux subreaper) and kills them when the
command ends, on SIGTERM, and when PARENT_PID is gone; then FOLDER (unless it is empty) is removed, since
nobody else will. It ends as the command did: same exit code, or
killed by the same signal. Standard streams go to the command untouched. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_SET_PARENT_DEATH_SIGNAL, _SET_SUBREAPER = 1, 36  # <linux/prctl.h>
_PARENT_DIED = signal.SIGUSR1
_WATCHED = {signal.SIGCHLD, signal.SIGTERM, _PARENT_DIED}
_LOOK_EVERY_S = 1.0


def guard(parent: int, folder: str, command: list[str]) -> int:
    """Run ``command`` to its end; gives its exit code, negative for a signal, as ``subprocess`` does."""
    libc = ctypes.CDLL(None, use_errno=True)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    libc.prctl(_SET_SUBREAPER, 1)
    libc.prctl(_SET_PARENT_DEATH_SIGNAL, int(_PARENT_DIED))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash of the SDK must not fill the disk

    def before_command() -> None:  # this process has one thread, so code between fork and exec is safe
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        libc.prctl(_SET_PARENT_DEATH_SIGNAL, int(signal.SIGKILL))

    child = subprocess.Popen(command, preexec_fn=before_command)
    try:
        while child.poll() is None:
            # The parent's death signal comes when its *thread* ends, so it is only a reason to look.
            came = signal.sigtimedwait(_WATCHED, _LOOK_EVERY_S)
            if os.getppid() != parent or (came is not None and came.si_signo == signal.SIGTERM):
                return -signal.SIGKILL
        return child.returncode
    finally:
        _kill_descendants()
        if folder and os.getppid() != parent:
            shutil.rmtree(folder, ignore_errors=True)


def _kill_descendants() -> None:
    """Kill children until there are none: those of a killed child become children of this process."""
    while children := _children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _children() -> list[int]:
    """Processes whose parent is this one, ended but not yet waited for ones too."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1]
        except OSError:  # it has just ended
            continue
        if int(parent) == os.getpid():
            found.append(int(stat.parent.name))
    return found


def main() -> None:
    """Guard the command of the arguments, then end the way it did."""
    code = guard(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
    if code < 0:
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
