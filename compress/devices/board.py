"""What a board is to everyone who uses one: commands that run there, and files that go there and come back.

A board has a POSIX shell. A command is one line for it; whatever is not ours in a line is quoted (``shlex.quote``).
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compress.errors import DeviceError

ANSWER_S = 5
"""How long a board may take to let one in."""

FILES_S = 600.0
"""How long copying may take."""

BoardKind = Literal["ssh", "adb"]

_NAME = re.compile(r"[\w.:@%+=,/][\w.:@%+=,/-]*", re.ASCII)
_BASE = '"${XDG_CACHE_HOME:-${HOME:-/data/local/tmp}/.cache}/compress"'
_SWEEP = 'find "$base" -maxdepth 1 \\( -name "job-*" -o -name "run-*" \\) -mtime +1 -exec rm -rf {} +'
_OPEN = f'set -eu; base={_BASE}; mkdir -p "$base"; {_SWEEP}; '
_FULL = "no space left on device"


@dataclass(frozen=True)
class Ended:
    """How a command on the board ended; ``said`` is all that it wrote, errors among it."""

    returncode: int
    said: str


@dataclass(frozen=True)
class Answered:
    """How a command on the board ended, and what it wrote where."""

    returncode: int
    stdout: bytes
    stderr: bytes


class Lost(DeviceError):
    """No way to the board, or one that broke while a command ran there."""


def checked_files(names: tuple[str, ...]) -> tuple[str, ...]:
    """``names``, which a board's tar may get. Raises DeviceError for a backslash, which GNU tar reads as an escape."""
    for name in names:
        if "\\" in name:
            raise DeviceError(f"{name!r} can't be fetched from a board: tar reads a backslash; name the file otherwise")
    return names


def checked_name(host: str) -> str:
    """``host``, if it can be the name of a board: letters, digits and ``_ . : @ % + = , / -``, no dash in front.

    Clients hand names on to shells of their own (ssh: ProxyCommand, Match exec). Raises DeviceError for another one.
    """
    if not _NAME.fullmatch(host):
        raise DeviceError(f"{host!r} can't be the name of a board: letters, digits and . _ : @ % + = , / - only")
    return host


class Board(ABC):
    """A board by the name that its client knows it by. Every method raises Lost when it can't be reached.

    Other trouble is a DeviceError: no client on this machine, a board that is full or too slow.
    """

    def __init__(self, host: str) -> None:
        self.host = checked_name(host)

    @property
    @abstractmethod
    def look(self) -> str:
        """The command line with which a user looks at the board."""

    @abstractmethod
    def follow(self, command: str, tell: Callable[[str], None], silence_s: float) -> Ended:
        """Run a line of shell that says on stdout how far it is; ``said`` is what it wrote to stderr.

        Raises DeviceError also after ``silence_s`` without a word from it.
        """

    @abstractmethod
    def put(self, files: tuple[Path, ...], folder: str) -> None:
        """Copy ``files`` into ``folder`` of the board, which must be there."""

    @abstractmethod
    def get(self, names: tuple[str, ...], folder: str, out: Path) -> tuple[str, ...]:
        """Copy those of ``names`` that are files in ``folder`` of the board into ``out``; gives their names.

        Nothing else that a board may send is taken, and none of them is left there in part.
        """

    @property
    @abstractmethod
    def _no_client(self) -> str:
        """What to say where the client is not on this machine."""

    @abstractmethod
    def _shell(self, command: str, timeout_s: float, send: bytes = b"") -> Answered:
        """Run a line of shell, with ``send`` as its input where the client has a way for it."""

    def run(self, command: str, timeout_s: float) -> Ended:
        """Run a line of shell; a command that fails is no error here."""
        done = self._shell(f"{{ {command}\n}} 2>&1", timeout_s)
        return Ended(done.returncode, done.stdout.decode(errors="replace"))

    def folder(self, name: str) -> str:
        """The folder ``name`` (letters, digits, dashes) of ours on the board, made where it is not there yet."""
        name = shlex.quote(name)
        command = f'{_OPEN} mkdir -p "$base"/{name}; touch "$base"/{name}; printf %s "$base"/{name}'
        return self._checked(command, "can't make a folder there").decode()

    def remove(self, folder: str) -> None:
        """Remove ``folder``; where that fails, it is removed two days later."""
        with suppress(DeviceError):
            self._shell(f"rm -rf {shlex.quote(folder)}", FILES_S)

    @contextmanager
    def job(self) -> Iterator[str]:
        """A new folder on the board, removed at the end; what a broken connection left is removed two days later."""
        made = self._checked(f'{_OPEN} mktemp -d "$base/job-XXXXXX"', "can't make a folder there")
        folder = made.decode().strip()
        try:
            yield folder
        finally:
            self.remove(folder)

    def _called(self, words: list[str], timeout_s: float, send: bytes = b"") -> Answered:
        """Run the client. Raises DeviceError where there is none, or where it does not end."""
        try:
            done = subprocess.run(words, input=send, capture_output=True, timeout=timeout_s)
        except FileNotFoundError:
            raise DeviceError(self._no_client) from None
        except subprocess.TimeoutExpired:
            raise DeviceError(f"{self.host}: not done within {timeout_s:.0f} s; look at it with: {self.look}") from None
        return Answered(done.returncode, done.stdout, done.stderr)

    def _streamed(self, words: list[str], tell: Callable[[str], None], silence_s: float) -> Answered:
        """The same, with its lines told as they come instead of kept. Raises DeviceError for silence, too."""
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
            except FileNotFoundError:
                raise DeviceError(self._no_client) from None
            with process:
                watch = _Watch(process, silence_s)
                try:
                    assert process.stdout is not None
                    for line in process.stdout:
                        watch.heard()
                        tell(line.decode(errors="replace").rstrip("\r\n"))
                    process.wait()
                finally:
                    watch.end()
                    process.kill()
            errors.seek(0)
            said = errors.read()
        if watch.gave_up:
            raise DeviceError(f"{self.host}: silent for {silence_s:.0f} s; look at it with: {self.look}")
        return Answered(process.returncode, b"", said)

    def _checked(self, command: str, problem: str, send: bytes = b"") -> bytes:
        done = self._shell(command, FILES_S, send)
        if done.returncode != 0:
            raise self._refused(problem, done.stderr)
        return done.stdout

    def _refused(self, problem: str, said: bytes) -> DeviceError:
        """What a command that failed says, in a line; of a full disk first what to do."""
        if _FULL in said.decode(errors="replace").lower():
            return DeviceError(f"{self.host}: {problem}: its disk is full; free some of it (df -h) and run it again")
        return DeviceError(f"{self.host}: {problem}: {last_line(said) or 'no reason given'}")


class _Watch:
    """Kills a process that nothing was heard of for too long."""

    def __init__(self, process: subprocess.Popen[bytes], silence_s: float) -> None:
        self._process, self._silence_s, self.gave_up = process, silence_s, False
        self.heard()

    def heard(self) -> None:
        self.end()
        self._timer = threading.Timer(self._silence_s, self._give_up)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        timer: threading.Timer | None = getattr(self, "_timer", None)
        if timer is not None:
            timer.cancel()

    def _give_up(self) -> None:
        self.gave_up = True
        self._process.kill()


def last_line(said: bytes) -> str:
    """The last line that is not empty, or nothing."""
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
