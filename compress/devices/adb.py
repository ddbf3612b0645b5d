"""A board behind adb, through the ordinary client; many of Rockchip's have no other way in.

``adb shell`` hands one string to the board's ``sh``, so each word of it is quoted. Old daemons give neither exit code
nor separate streams, so the command's end is told by a last line of ours: where that is missing, the connection broke.
Files travel by push and pull, which know no shell.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compress.devices.board import (
    ANSWER_S,
    FILES_S,
    Answered,
    Board,
    Ended,
    Lost,
    checked_files,
    checked_name,
    last_line,
)
from compress.errors import DeviceError

NO_ADB = "no adb on this machine"
INSTALL = "apt install adb"
_END = "compress-ended"
_KEPT_LINES = 50


@dataclass(frozen=True)
class Trouble:
    """What is the matter between client and board, and the command to try."""

    problem: str
    command: str


@dataclass(frozen=True)
class _Known:
    """``sign``: what the client writes; ``advice``: what to do, empty where the command says it all."""

    sign: str
    advice: str
    command: str


_KNOWN = (
    _Known("unauthorized", "accept this machine's key on the board, or add ~/.android/adbkey.pub to its keys",
           "adb -s {serial} reconnect"),
    _Known("authorizing", "", "adb -s {serial} wait-for-device"),
    _Known("no permissions", "it needs a udev rule", "apt install android-sdk-platform-tools-common"),
    _Known("offline", "", "adb -s {serial} reconnect"),
    _Known("not found", "", "adb devices -l"),
    _Known("daemon", "", "adb kill-server"),
)  # fmt: skip


def trouble(serial: str, said: str) -> Trouble:
    """What the client's words mean for the board ``serial``."""
    lines = [line for line in said.strip().splitlines() if not line.startswith("* daemon")]
    line = next((line for line in lines if "error" in line.lower()), lines[0] if lines else "the connection ended")
    line = re.sub(r"^(adb: )?(error: )?", "", line).strip().rstrip(".")
    for known in _KNOWN:
        if known.sign in line:
            command = f"adb connect {serial}" if known.sign == "not found" and ":" in serial else known.command
            problem = f"{line} ({known.advice})" if known.advice else line
            return Trouble(problem, command.format(serial=serial))
    return Trouble(line, f"adb -s {serial} get-state")


def reach(serial: str) -> Trouble | None:
    """Why the board ``serial`` can't be used through the client, None where it can; there must be a client.

    Raises DeviceError for what can't be the name of a board.
    """
    words = [*_client(serial), "get-state"]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=3 * ANSWER_S
        )
    except subprocess.TimeoutExpired:
        return Trouble(f"no answer within {3 * ANSWER_S} s", "adb kill-server")
    state = done.stdout.strip()
    # The client ends well for a board that it sees and may not use: the state is what counts.
    return None if done.returncode == 0 and state == "device" else trouble(serial, state or done.stderr)


class AdbBoard(Board):
    """A board by its serial number, or HOST:PORT of one that was connected to."""

    @property
    def look(self) -> str:
        return f"adb -s {self.host} shell"

    @property
    def _no_client(self) -> str:
        return f"{NO_ADB}; {INSTALL}"

    def follow(self, command: str, tell: Callable[[str], None], silence_s: float) -> Ended:
        kept: deque[str] = deque(maxlen=_KEPT_LINES)
        ends: list[int] = []

        def heard(line: str) -> None:
            word, _, code = line.partition(" ")
            if word == _END and code.isdigit():
                ends.append(int(code))
            elif line:
                kept.append(line)
                tell(line)

        done = self._streamed(self._words(command), heard, silence_s)
        said = done.stderr.decode(errors="replace")
        if not ends:
            raise self._lost(said)
        # A daemon of one stream only has the errors among the lines.
        return Ended(ends[-1], said if said.strip() else "\n".join(kept))

    def put(self, files: tuple[Path, ...], folder: str) -> None:
        self._checked(f"cd {shlex.quote(folder)}", "can't write there")
        sources = [str(path.absolute()) for path in files]
        self._moved(["push", *sources, f"{folder}/"], "can't write there")

    def get(self, names: tuple[str, ...], folder: str, out: Path) -> tuple[str, ...]:
        asked = "; ".join(
            f"[ ! -f {shlex.quote(name)} ] || echo {number}" for number, name in enumerate(checked_files(names))
        )
        there = self._checked(f"cd {shlex.quote(folder)} || exit 1; {asked}", "can't read there")
        found = tuple(names[int(line)] for line in there.split())
        with tempfile.TemporaryDirectory(dir=out) as text:
            half = Path(text) / "half"
            for name in found:
                self._moved(["pull", f"{folder}/{name}", str(half)], "can't read there")
                if not half.is_file():
                    raise DeviceError(f"{self.host}: what it sent back as {name} is no file; run it again")
                half.replace(out / name)
        return found

    def _shell(self, command: str, timeout_s: float, send: bytes = b"") -> Answered:
        done = self._called(self._words(command), timeout_s, send)
        wrote, end, code = done.stdout.replace(b"\r\n", b"\n").rpartition(f"\n{_END} ".encode())
        if not end:
            raise self._lost(done.stderr.decode(errors="replace"))
        return Answered(int(code), wrote, done.stderr or wrote)

    def _words(self, command: str) -> list[str]:
        """The client's command line: one word holds all that the board's shell gets."""
        return [*_client(self.host), "shell", f"{shlex.join(['sh', '-c', command])}; printf '\\n{_END} %d\\n' $?"]

    def _moved(self, words: list[str], problem: str) -> None:
        done = self._called([*_client(self.host), *words], FILES_S)
        if done.returncode != 0:
            said = done.stderr + done.stdout
            if b"failed to copy" not in said and b"remote" not in said:
                raise self._lost(said.decode(errors="replace"))
            raise self._refused(problem, last_line(said).encode())

    def _lost(self, said: str) -> Lost:
        found = trouble(self.host, said)
        return Lost(f"{self.host}: {found.problem}; try: {found.command}")


def _client(serial: str) -> list[str]:
    return ["adb", "-s", checked_name(serial)]
