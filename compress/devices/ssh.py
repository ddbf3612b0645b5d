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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from compress.errors import DeviceError

ANSWER_S = 5
"""How long a board may take to let one in."""


_FILES_S = 600.0
_OWN_ERROR = 255
"""The client's exit code for its own errors: no way in, or a connection that broke."""

_BASE = '"${XDG_CACHE_HOME:-$HOME/.cache}/compress"'
_OPEN = (
    f'set -eu; base={_BASE}; mkdir -p "$base"; '
    'find "$base" -maxdepth 1 -name "job-*" -mtime +1 -exec rm -rf {} + ; mktemp -d "$base/job-XXXXXX"'
)


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

    @contextmanager
    def job(self) -> Iterator[str]:
        """A new folder on the board, removed at the end; what a broken connection left is removed a day later."""
        folder = self._checked(_OPEN, "can't make a folder there").decode().strip()
        try:
            yield folder
        finally:
            with suppress(DeviceError):
                self._ssh(f"rm -rf {shlex.quote(folder)}", _FILES_S)

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
            raise DeviceError("no ssh client on this machine; apt install openssh-client") from None
        except subprocess.TimeoutExpired:
            raise DeviceError(
                f"{self.host}: not done within {timeout_s:.0f} s; look at it with: ssh {self.host}"
            ) from None
        if done.returncode == _OWN_ERROR:
            said = _last_line(done.stderr) or "the connection ended"
            raise DeviceError(f"{self.host}: {said}; try: ssh -v {self.host}")
        return done


def _last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
