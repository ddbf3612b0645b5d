"""A board behind ssh: the real client against real servers on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import HOST, SERVERS, SSHD, Loopback, loopback

from compress.devices.reach import reach_ssh
from compress.devices.ssh import SshBoard
from compress.errors import DeviceError

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client here")


@pytest.fixture(params=SERVERS)
def board(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A board that ssh knows as ``HOST``, of either server."""
    if request.param == "openssh" and SSHD is None:
        pytest.skip("no sshd here; apt install openssh-server, or name one in $COMPRESS_TEST_SSHD")
    with loopback(request.param, tmp_path) as served:
        monkeypatch.setenv("COMPRESS_SSH_CONFIG", str(served.config))
        yield served


def test_a_command_tells_how_it_ended_and_all_that_it_said(board: Loopback) -> None:
    assert reach_ssh(HOST).problem is None
    ended = SshBoard(HOST).run("echo out; echo err >&2; pwd; exit 3", 20)
    assert (ended.returncode, ended.said) == (3, f"out\nerr\n{board.home}\n")


def test_files_come_back_as_they_went(board: Loopback, tmp_path: Path) -> None:
    names = ("plain.bin", "with space.bin", "quote'd.bin")
    sent = {name: os.urandom(300_000 + k) for k, name in enumerate(names)}
    for name, content in sent.items():
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "back"
    out.mkdir()
    with SshBoard(HOST).job() as job:
        SshBoard(HOST).put(tuple(tmp_path / name for name in names), job)
        assert {path.name: path.read_bytes() for path in board.jobs[0].iterdir()} == sent
        assert SshBoard(HOST).get((*names, "absent"), job, out) == names
        assert SshBoard(HOST).get(("absent",), job, out) == ()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == sent


def test_only_what_was_asked_for_is_taken_from_a_board(board: Loopback, tmp_path: Path) -> None:
    out = tmp_path / "a" / "back"
    out.mkdir(parents=True)
    (board.home / "wanted").write_text("mine")
    (board.home / "evil").write_text("theirs")
    board.tool("tar", f"cd {board.home}; exec /bin/tar -cf - --transform 's,evil,../evil,' -P wanted evil ../home/evil")
    assert SshBoard(HOST).get(("wanted",), str(board.home), out) == ("wanted",)
    assert [path.name for path in out.parent.rglob("*")] == ["back", "wanted"]
    board.tool("tar", "echo this is no tar file, and is longer than nothing")
    with pytest.raises(DeviceError, match="board: what it sent back can't be read"):
        SshBoard(HOST).get(("wanted",), str(board.home), out)


def test_a_job_leaves_nothing_behind_and_clears_up_after_the_dead(board: Loopback) -> None:
    old, young = (board.home / ".cache" / "compress" / f"job-{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 3 * 86400,) * 2)
    with pytest.raises(ZeroDivisionError), SshBoard(HOST).job() as job:
        assert [str(path) for path in board.jobs if path != young] == [job]
        _ = 1 / 0
    assert board.jobs == [young]


def test_a_board_that_can_not_be_written_says_so(board: Loopback, tmp_path: Path) -> None:
    (board.home / ".cache").write_text("a file")
    with pytest.raises(DeviceError, match="board: can't make a folder there: .*cache"), SshBoard(HOST).job():
        pass
    with pytest.raises(DeviceError, match="board: can't write there: .*absent"):
        SshBoard(HOST).put((board.home / ".cache",), f"{tmp_path}/absent")
    with pytest.raises(DeviceError, match="board: can't read there: .*absent"):
        SshBoard(HOST).get(("x",), f"{tmp_path}/absent", tmp_path)


def test_a_command_that_does_not_end_is_left(board: Loopback) -> None:
    with pytest.raises(DeviceError, match="board: not done within 1 s; look at it with: ssh board"):
        SshBoard(HOST).run("sleep 20", 1)


def test_a_connection_that_breaks_is_told_and_hides_nothing_else(board: Loopback) -> None:
    threading.Timer(1.0, _kill, (board,)).start()
    started = time.monotonic()
    with pytest.raises(DeviceError, match="board: .*; try: ssh -v board"), SshBoard(HOST).job():
        SshBoard(HOST).run("sleep 30", 60)
    assert time.monotonic() - started < 20


def _kill(board: Loopback) -> None:
    """The board is gone: the server and those of its processes that serve a connection."""
    subprocess.run(["pkill", "-9", "-P", str(board.server.pid)], check=False)
    board.server.kill()


def test_a_board_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPRESS_SSH_CONFIG", raising=False)
    with pytest.raises(DeviceError, match=r"board\.invalid: .*; try: ssh -v board\.invalid"):
        SshBoard("board.invalid").run("true", 20)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DeviceError, match="no ssh client on this machine; apt install openssh-client"):
        SshBoard("board").run("true", 20)
