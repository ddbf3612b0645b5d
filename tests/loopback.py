"""A board for the tests: a real ssh server on loopback, reached by the real ssh client as ``board``; or adb's stand-in.

The server is OpenSSH's own where there is one (``$COMPRESS_TEST_SSHD`` names it elsewhere than in /usr/sbin), and
asyncssh's anywhere. On the board ``PATH`` starts with a folder of the test's own, and ``HOME`` is one.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest
from adb_standin import SERIAL

from compress.devices.board import Board, BoardKind
from compress.devices.boards import open_board

HOST = "board"
SSHD = os.environ.get("COMPRESS_TEST_SSHD") or shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
SERVERS = ("asyncssh", "openssh")
WAYS = ("asyncssh", "openssh", "adb", "old adb")
"""Servers of ssh, and the stand-in for adb (``adb_standin.py``) with a daemon of today and of long ago."""


@dataclass(frozen=True)
class BoardHere:
    """A board that is a folder of this machine; ``tools`` comes first on its PATH."""

    home: Path
    tools: Path

    kind: ClassVar[BoardKind]
    host: ClassVar[str]

    @property
    def board(self) -> Board:
        return open_board(self.kind, self.host)

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        """Make the clients of this process find it."""
        raise NotImplementedError

    def drop(self) -> None:
        """Break the connections that are there now; those that come later find the board again."""
        raise NotImplementedError

    def cut(self) -> None:
        """The board is gone: its server, and all that serves a connection."""
        raise NotImplementedError

    def fill(self) -> None:
        """From now on its disk takes no file that is copied there."""
        raise NotImplementedError

    def tool(self, name: str, script: str) -> None:
        """Put a command on the board."""
        path = self.tools / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    @property
    def jobs(self) -> list[Path]:
        """Folders of jobs that are on the board now."""
        return sorted((self.home / ".cache" / "compress").glob("job-*"))


@dataclass(frozen=True)
class Loopback(BoardHere):
    """``config`` is what ``ssh -F`` takes; ``server`` may be killed."""

    config: Path
    server: subprocess.Popen[str]

    kind = "ssh"
    host = HOST

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("COMPRESS_SSH_CONFIG", str(self.config))

    def drop(self) -> None:
        subprocess.run(["pkill", "-9", "-P", str(self.server.pid)], check=False)

    def cut(self) -> None:
        self.drop()
        self.server.kill()

    def fill(self) -> None:
        self.tool("tar", "cat > /dev/full")


@dataclass(frozen=True)
class AdbHere(BoardHere):
    """``folder`` is the stand-in's."""

    folder: Path

    kind = "adb"
    host = SERIAL

    def enter(self, patch: pytest.MonkeyPatch) -> None:
        patch.setenv("PATH", f"{self.folder / 'bin'}:{os.environ['PATH']}")

    def drop(self) -> None:
        (self.folder / "dropped").write_text("")

    def cut(self) -> None:
        (self.folder / "gone").write_text("")

    def fill(self) -> None:
        (self.folder / "full").write_text("")


@contextmanager
def board_here(way: str, folder: Path) -> Iterator[BoardHere]:
    """A board in ``folder``, reached by one of ``WAYS``; skips the test where this machine lacks that one."""
    if way in SERVERS:
        if shutil.which("ssh") is None:
            pytest.skip("no ssh client here")
        if way == "openssh" and SSHD is None:
            pytest.skip("no sshd here; apt install openssh-server, or name one in $COMPRESS_TEST_SSHD")
        with loopback(way, folder) as served:
            yield served
        return
    home, tools, programs = (folder / name for name in ("home", "tools", "bin"))
    for each in (home, tools, programs):
        each.mkdir()
    (folder / "state").write_text("device")
    if way == "old adb":
        (folder / "old").write_text("")
    script = programs / "adb"
    standin = Path(__file__).with_name("adb_standin.py")
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {standin} {folder} "$@"\n')
    script.chmod(0o755)
    yield AdbHere(home, tools, folder)


@contextmanager
def loopback(kind: str, folder: Path) -> Iterator[Loopback]:
    """A board in ``folder``, served by ``kind`` of ``SERVERS``."""
    home, tools, keys = (folder / name for name in ("home", "tools", "keys"))
    for each in (home, tools, keys):
        each.mkdir(mode=0o700)
    for key in ("host_key", "user_key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(keys / key)], check=True)
    shutil.copyfile(keys / "user_key.pub", keys / "authorized_keys")
    enter = folder / "enter.sh"
    lines = (f"export HOME='{home}' PATH='{tools}':/usr/bin:/bin", "unset XDG_CACHE_HOME", 'cd "$HOME"')
    enter.write_text("\n".join((*lines, 'exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"')) + "\n", encoding="utf-8")
    server, port = _asyncssh(keys, enter) if kind == "asyncssh" else _openssh(keys, enter)
    config = folder / "ssh_config"
    config.write_text(
        f"Host {HOST}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {keys / 'user_key'}\n  IdentitiesOnly yes\n"
        f"  StrictHostKeyChecking no\n  UserKnownHostsFile {folder / 'known_hosts'}\n  LogLevel ERROR\n",
        encoding="utf-8",
    )
    try:
        yield Loopback(home, tools, config, server)
    finally:
        server.kill()
        server.wait()


def _asyncssh(keys: Path, enter: Path) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("loopback_server.py")), keys, enter]
    server = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    with server.stdout:
        return server, int(server.stdout.readline())


def _openssh(keys: Path, enter: Path) -> tuple[subprocess.Popen[str], int]:
    assert SSHD is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    config = keys / "sshd_config"
    config.write_text(
        f"HostKey {keys / 'host_key'}\nAuthorizedKeysFile {keys / 'authorized_keys'}\nStrictModes no\nPidFile none\n"
        f"ListenAddress 127.0.0.1:{port}\nUsePAM no\nPermitRootLogin yes\nForceCommand /bin/sh {enter}\n",
        encoding="utf-8",
    )
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL, text=True)
    _wait_for(port, server)
    return server, port


def _wait_for(port: int, server: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 10
    while server.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError(f"no sshd came up at port {port}")
