"""What is ssh's own: the real client against real servers on loopback. The rest: test_boards.py."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import HOST, SERVERS, SSHD, Loopback, loopback

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


def test_a_board_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMPRESS_SSH_CONFIG", raising=False)
    with pytest.raises(DeviceError, match=r"board\.invalid: .*; try: ssh -v board\.invalid"):
        SshBoard("board.invalid").run("true", 20)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DeviceError, match="no ssh client on this machine; apt install openssh-client"):
        SshBoard("board").run("true", 20)


def test_an_unknown_host_key_is_refused(board: Loopback) -> None:
    """The user's own configuration decides; ssh's own default, where it can't ask, is to refuse."""
    lines = board.config.read_text().splitlines()
    board.config.write_text("\n".join(line for line in lines if "StrictHostKeyChecking" not in line) + "\n")
    with pytest.raises(DeviceError, match="board: Host key verification failed.*; try: ssh -v board"):
        SshBoard(HOST).run("true", 20)
