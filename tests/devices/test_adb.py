"""What is adb's own: what its client says of a board that can't be used. The rest: test_boards.py, same stand-in."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from adb_standin import SERIAL
from loopback import AdbHere, board_here

from compress.devices.adb import AdbBoard
from compress.devices.board import Lost
from compress.devices.reach import reach
from compress.errors import DeviceError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AdbHere]:
    with board_here("adb", tmp_path) as made:
        assert isinstance(made, AdbHere)
        made.enter(monkeypatch)
        yield made


@pytest.mark.parametrize(
    ("state", "problem", "mend"),
    [
        ("unauthorized", r"(device )?unauthorized \(accept this machine's key on the board, or add .*\)", "reconnect"),
        ("offline", "(device )?offline", "reconnect"),
        (
            "no permissions",
            r"(device )?no permissions \(it needs a udev rule\)",
            "apt install android-sdk-platform-tool",
        ),
        ("", f"device '{SERIAL}' not found", "adb devices -l"),
    ],
)
def test_a_board_that_can_not_be_used_says_what_to_do(
    here: AdbHere, state: str, problem: str, mend: str, tmp_path: Path
) -> None:
    (here.folder / "state").write_text(state)
    found = reach("adb", SERIAL)
    assert found.problem is not None and mend in found.mend
    for use in (
        lambda board: board.run("true", 20),
        lambda board: board.follow("true", lambda _: None, 20),
        lambda board: board.put((tmp_path / "state",), "/tmp"),
        lambda board: board.get(("x",), "/tmp", tmp_path),
    ):
        with pytest.raises(Lost, match=rf"^{SERIAL}: {problem}; try: .*{mend}") as caught:
            use(AdbBoard(SERIAL))
        assert "\n" not in str(caught.value)


def test_a_file_that_is_none_when_it_comes_is_not_taken(here: AdbHere, tmp_path: Path) -> None:
    """The board says that it is a file, and sends a folder."""
    (here.home / "wanted").mkdir()
    here.tool("sh", "echo 0; exit 0")
    with pytest.raises(DeviceError, match=f"{SERIAL}: what it sent back as wanted is no file; run it again"):
        AdbBoard(SERIAL).get(("wanted",), str(here.home), tmp_path / "tools")
    assert [path.name for path in (tmp_path / "tools").iterdir()] == ["sh"]


def test_no_client_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for use in (lambda board: board.run("true", 20), lambda board: board.follow("true", lambda _: None, 20)):
        with pytest.raises(DeviceError, match="no adb on this machine; apt install adb"):
            use(AdbBoard(SERIAL))


@pytest.mark.skipif(shutil.which("adb") is None, reason="no adb here; apt install adb")
def test_the_real_client_without_a_board(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What can be tried without one: that it takes our command lines, and what it says of a board it doesn't see."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(free.getsockname()[1]))
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "file").write_text("x")
    try:
        found = reach("adb", "nosuchserial")
        assert (found.problem, found.mend) == ("device 'nosuchserial' not found", "adb devices -l")
        assert reach("adb", "127.0.0.1:1").mend == "adb connect 127.0.0.1:1"
        board, said = (
            AdbBoard("nosuchserial"),
            r"^nosuchserial: .*device 'nosuchserial' not found; try: adb devices -l$",
        )
        with pytest.raises(Lost, match=said):
            board.run("true", 20)
        with pytest.raises(Lost, match=said):
            board.follow("true", lambda _: None, 20)
        with pytest.raises(Lost, match=said):
            board._moved(["push", str(tmp_path / "file"), "/tmp/"], "can't write there")
        listed = subprocess.run(["adb", "devices"], capture_output=True, text=True, check=True).stdout
        standin = Path(__file__).parents[1] / "adb_standin.py"
        told = subprocess.run([os.sys.executable, standin, tmp_path, "devices"], capture_output=True, text=True)
        assert listed.split() == told.stdout.split()
    finally:
        subprocess.run(["adb", "kill-server"], check=False, stderr=subprocess.DEVNULL)
