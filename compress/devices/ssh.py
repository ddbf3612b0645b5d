"""A board behind ssh, through the ordinary client: the user's own configuration, agent and jump hosts hold.

Files travel as tar streams, so that the board needs a shell and tar and no more (dropbear has no sftp).
``$COMPRESS_SSH_CONFIG`` names a configuration to use instead of the user's own.
"""

from __future__ import annotations

import io
import os
import shlex
import subprocess
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from compress.errors import DeviceError

ANSWER_S = 5
"""How long a board may take to let one in."""


_FILES_S = 600.0
_NO_CLIENT = "no ssh client on this machine; apt install openssh-client"
_OWN_ERROR = 255
"""The client's exit code for its own errors: no way in, or a connection that broke."""

_BASE = '"${XDG_CACHE_HOME:-$HOME/.cache}/compress"'
_SWEEP = 'find "$base" -maxdepth 1 \\( -name "job-*" -o -name "run-*" \\) -mtime +1 -exec rm -rf {} +'
_OPEN = f'set -eu; base={_BASE}; mkdir -p "$base"; {_SWEEP}; '


def ssh_command(host: str) -> list[str]:
    """The client's command line as far as the host; it never asks for anything.

    After a minute without a sign of life it gives up: a board that reboots says no farewell.
    """
    config = os.environ.get("COMPRESS_SSH_CONFIG")
    options = ("BatchMode=yes", f"ConnectTimeout={ANSWER_S}", "ServerAliveInterval=15", "ServerAliveCountMax=4")
    return ["ssh", *(["-F", config] if config else []), *(f"-o{option}" for option in options), "--", host]


@dataclass(frozen=True)
class Ended:
    """How a command on the board ended; ``said`` is all that it wrote, errors among it."""

    returncode: int
    said: str


class SshBoard:
    """A board by the name that ``ssh`` knows it by. Every method raises DeviceError when the board can't be reached."""

    def __init__(self, host: str) -> None:
        self.host = host

    def run(self, command: str, timeout_s: float) -> Ended:
        """Run a line of shell; a command that fails is no error here."""
        done = self._ssh(f"{{ {command}\n}} 2>&1", timeout_s)
        return Ended(done.returncode, done.stdout.decode(errors="replace"))

    def follow(self, command: str, tell: Callable[[str], None], silence_s: float) -> Ended:
        """Run a line of shell that says on stdout how far it is; ``said`` is what it wrote to stderr.

        Raises DeviceError also after ``silence_s`` without a word from it.
        """
        with tempfile.TemporaryFile() as errors, self._started(command, errors) as process:
            watch = _Watch(process, silence_s)
            try:
                assert process.stdout is not None
                for line in process.stdout:
                    watch.heard()
                    tell(line.decode(errors="replace").rstrip("\n"))
                process.wait()
            finally:
                watch.end()
                process.kill()
            errors.seek(0)
            said = errors.read()
        if watch.gave_up:
            raise DeviceError(f"{self.host}: silent for {silence_s:.0f} s; look at it with: ssh {self.host}")
        self._refuse_own_error(process.returncode, said)
        return Ended(process.returncode, said.decode(errors="replace"))

    def folder(self, name: str) -> str:
        """The folder ``name`` (letters, digits, dashes) of ours on the board, made where it is not there yet."""
        command = f'{_OPEN} mkdir -p "$base/{name}"; touch "$base/{name}"; printf %s "$base/{name}"'
        return self._checked(command, "can't make a folder there").decode()

    def remove(self, folder: str) -> None:
        """Remove ``folder``; where that fails, it is removed two days later."""
        with suppress(DeviceError):
            self._ssh(f"rm -rf {shlex.quote(folder)}", _FILES_S)

    @contextmanager
    def job(self) -> Iterator[str]:
        """A new folder on the board, removed at the end; what a broken connection left is removed two days later."""
        made = self._checked(f'{_OPEN} mktemp -d "$base/job-XXXXXX"', "can't make a folder there")
        folder = made.decode().strip()
        try:
            yield folder
        finally:
            self.remove(folder)

    def put(self, files: tuple[Path, ...], folder: str) -> None:
        """Copy ``files`` into ``folder`` of the board, which must be there."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for path in files:
                tar.add(path, path.name)
        self._checked(f"cd {shlex.quote(folder)} && tar -xf -", "can't write there", packed.getvalue())

    def get(self, names: tuple[str, ...], folder: str, out: Path) -> tuple[str, ...]:
        """Copy those of ``names`` that are in ``folder`` of the board into ``out``; gives their names.

        Nothing else that a board may send is taken.
        """
        wanted = " ".join(shlex.quote(name) for name in names)
        there = f'set --; for f in {wanted}; do if [ -f "$f" ]; then set -- "$@" "$f"; fi; done'
        packed = self._checked(
            f'cd {shlex.quote(folder)} || exit 1; {there}; [ $# -eq 0 ] || tar -cf - "$@"', "can't read there"
        )
        found: list[str] = []
        if not packed:
            return ()
        try:
            with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
                for member in tar:
                    content = tar.extractfile(member) if member.isfile() and member.name in names else None
                    if content is not None:
                        (out / member.name).write_bytes(content.read())
                        found.append(member.name)
        except tarfile.TarError as error:
            raise DeviceError(f"{self.host}: what it sent back can't be read ({error}); run it again") from None
        return tuple(found)

    def _checked(self, command: str, problem: str, send: bytes | None = None) -> bytes:
        done = self._ssh(command, _FILES_S, send)
        if done.returncode != 0:
            raise DeviceError(f"{self.host}: {problem}: {_last_line(done.stderr) or 'no reason given'}")
        return done.stdout

    def _ssh(self, command: str, timeout_s: float, send: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        try:
            done = subprocess.run(
                [*ssh_command(self.host), f"exec sh -c {shlex.quote(command)}"],
                input=send or b"",
                capture_output=True,
                timeout=timeout_s,
            )
        except FileNotFoundError:
            raise DeviceError(_NO_CLIENT) from None
        except subprocess.TimeoutExpired:
            raise DeviceError(
                f"{self.host}: not done within {timeout_s:.0f} s; look at it with: ssh {self.host}"
            ) from None
        self._refuse_own_error(done.returncode, done.stderr)
        return done

    def _started(self, command: str, errors: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self._words(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )
        except FileNotFoundError:
            raise DeviceError(_NO_CLIENT) from None

    def _words(self, command: str) -> list[str]:
        return [*ssh_command(self.host), f"exec sh -c {shlex.quote(command)}"]

    def _refuse_own_error(self, returncode: int, said: bytes) -> None:
        if returncode == _OWN_ERROR:
            raise DeviceError(f"{self.host}: {_last_line(said) or 'the connection ended'}; try: ssh -v {self.host}")


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


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
