"""A stand-in for ``adb``: speaks the real client's command line (1.0.41) and does what is asked in a folder here.

No board and no daemon take part. Its words for what goes wrong are those of the real client where that could be tried
without a board (no such serial), and those of its source elsewhere. ``python adb_standin.py FOLDER WORDS...``, where
FOLDER holds ``state`` (what ``get-state`` says; none: no such board), ``home`` and ``tools``. With ``gone`` the board
is away, and what runs when ``dropped`` is made loses its connection; with ``old`` its daemon gives neither exit codes
nor a stream for errors; with ``full`` its disk is full.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TextIO

SERIAL = "0123456789ABCDEF"
_UNAUTHORIZED = (
    "device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set\n"
    "Try 'adb kill-server' if that seems wrong.\nOtherwise check for a confirmation dialog on your device."
)


def main(folder: Path, words: list[str]) -> int:
    if words[:1] == ["devices"]:
        print("List of devices attached\n" + f"{SERIAL}\t{_state(folder)}" * bool(_state(folder)) + "\n")
        return 0
    if words[:1] != ["-s"]:
        return _error("more than one device/emulator")
    serial, command, rest = words[1], words[2], words[3:]
    state = _state(folder) if serial == SERIAL else ""
    if not state:
        return _error(f"device '{serial}' not found", command)
    if command == "get-state":
        print(state)
        return 0
    if state != "device":
        return _error(_UNAUTHORIZED if state == "unauthorized" else f"device {state}", command)
    return {"shell": _shell, "push": _push, "pull": _pull}[command](folder, rest)


def _state(folder: Path) -> str:
    path = folder / "state"
    return "" if (folder / "gone").exists() or not path.exists() else path.read_text()


def _error(problem: str, command: str = "") -> int:
    where = "adb: error: failed to get feature set: " if command in ("push", "pull") else "error: "
    print(f"{where}{problem}", file=sys.stderr)
    return 1


def _shell(folder: Path, words: list[str]) -> int:
    """The words, one line for the board's shell; its end, or the board's, whichever comes first."""
    old, dropped, started_ns = (folder / "old").exists(), folder / "dropped", time.time_ns()
    environment = {"HOME": str(folder / "home"), "PATH": f"{folder / 'tools'}:/usr/bin:/bin"}
    child = subprocess.Popen(
        ["/bin/sh", "-c", " ".join(words)], stdin=subprocess.DEVNULL, cwd=folder / "home", env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT if old else subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    ends = (child.stdout, sys.stdout), (child.stderr, sys.stderr)
    pumps = [threading.Thread(target=_pump, args=(*end, old), daemon=True) for end in ends if end[0] is not None]
    for pump in pumps:
        pump.start()
    while child.poll() is None:
        if (folder / "gone").exists() or (dropped.exists() and dropped.stat().st_mtime_ns > started_ns):
            os.killpg(child.pid, signal.SIGKILL)
            return 255
        time.sleep(0.02)
    for pump in pumps:
        pump.join()
    return 0 if old else child.returncode


def _pump(source: IO[bytes], to: TextIO, old: bool) -> None:
    for line in source:
        to.buffer.write(line.replace(b"\n", b"\r\n") if old else line)
        to.flush()


def _push(folder: Path, words: list[str]) -> int:
    *sources, target = words
    if target.endswith("/") and not Path(target).is_dir():
        return _error(f"failed to copy '{sources[0]}' to '{target}': remote couldn't create file: Is a directory")
    for source in sources:
        to = Path(target) / Path(source).name if Path(target).is_dir() else Path(target)
        try:
            shutil.copyfile(source, "/dev/full" if (folder / "full").exists() else to)
        except OSError as error:
            print(f"adb: error: failed to copy '{source}' to '{to}': remote {error.strerror}", file=sys.stderr)
            return 1
    print(f"{len(sources)} files pushed.")
    return 0


def _pull(folder: Path, words: list[str]) -> int:
    source, target = map(Path, words)
    if not source.exists():
        print(f"adb: error: failed to stat remote object '{source}': No such file or directory", file=sys.stderr)
        return 1
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
