"""A board behind ssh, through the ordinary client: the user's own configuration, agent and jump hosts hold.

Files travel as tar streams, so that the board needs a shell and tar and no more (dropbear has no sftp).
``$COMPRESS_SSH_CONFIG`` names a configuration to use instead of the user's own.
"""

from __future__ import annotations

import io
import os
import shlex
import tarfile
from collections.abc import Callable
from pathlib import Path

from compress.devices.board import ANSWER_S, Answered, Board, Ended, Lost, checked_files, checked_name, last_line
from compress.errors import DeviceError

_OWN_ERROR = 255
"""The client's exit code for its own errors: no way in, or a connection that broke."""


def ssh_command(host: str) -> list[str]:
    """The client's command line as far as the host; it never asks for anything.

    After a minute without a sign of life it gives up: a board that reboots says no farewell.
    Raises DeviceError for what can't be the name of a board.
    """
    config = os.environ.get("COMPRESS_SSH_CONFIG")
    options = ("BatchMode=yes", f"ConnectTimeout={ANSWER_S}", "ServerAliveInterval=15", "ServerAliveCountMax=4")
    named = checked_name(host)
    return ["ssh", *(["-F", config] if config else []), *(f"-o{option}" for option in options), "--", named]


class SshBoard(Board):
    """A board by the name that ``ssh`` knows it by."""

    @property
    def look(self) -> str:
        return f"ssh {self.host}"

    @property
    def _no_client(self) -> str:
        return "no ssh client on this machine; apt install openssh-client"

    def follow(self, command: str, tell: Callable[[str], None], silence_s: float) -> Ended:
        done = self._judged(self._streamed(self._words(command), tell, silence_s))
        return Ended(done.returncode, done.stderr.decode(errors="replace"))

    def put(self, files: tuple[Path, ...], folder: str) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for path in files:
                tar.add(path, path.name)
        self._checked(f"cd {shlex.quote(folder)} && tar -xf -", "can't write there", packed.getvalue())

    def get(self, names: tuple[str, ...], folder: str, out: Path) -> tuple[str, ...]:
        wanted = " ".join(shlex.quote(name) for name in checked_files(names))
        there = f'set --; for f in {wanted}; do if [ -f "$f" ]; then set -- "$@" "$f"; fi; done'
        packed = self._checked(
            f'cd {shlex.quote(folder)} || exit 1; {there}; [ $# -eq 0 ] || tar -cf - -- "$@"', "can't read there"
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

    def _shell(self, command: str, timeout_s: float, send: bytes = b"") -> Answered:
        return self._judged(self._called(self._words(command), timeout_s, send))

    def _words(self, command: str) -> list[str]:
        """The client's command line; it hands its last word to the login shell there, whatever that is."""
        return [*ssh_command(self.host), f"exec sh -c {shlex.quote(command)}"]

    def _judged(self, done: Answered) -> Answered:
        if done.returncode == _OWN_ERROR:
            raise Lost(f"{self.host}: {last_line(done.stderr) or 'the connection ended'}; try: ssh -v {self.host}")
        return done
