"""One contract for every way to a board: real ssh against two servers, and adb's stand-in with two kinds of daemon."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import WAYS, BoardHere, board_here

from compress.devices.board import Lost
from compress.devices.reach import reach
from compress.errors import DeviceError


@pytest.fixture(params=WAYS)
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardHere]:
    with board_here(request.param, tmp_path) as made:
        made.enter(monkeypatch)
        yield made


def test_a_command_tells_how_it_ended_and_all_that_it_said(here: BoardHere) -> None:
    assert reach(here.kind, here.host).problem is None
    ended = here.board.run("echo out; echo err >&2; pwd; exit 3", 20)
    assert (ended.returncode, ended.said) == (3, f"out\nerr\n{here.home}\n")
    assert here.board.run("printf %s 'no newline'", 20).said == "no newline"


def test_a_command_is_followed_line_by_line(here: BoardHere) -> None:
    told: list[tuple[float, str]] = []
    line = "echo one; sleep 1; echo two; echo sorry >&2; exit 4"
    ended = here.board.follow(line, lambda line: told.append((time.monotonic(), line)), 20)
    assert [line for _, line in told if line != "sorry"] == ["one", "two"] and told[1][0] - told[0][0] > 0.5
    assert ended.returncode == 4 and ended.said.splitlines()[-1] == "sorry"
    with pytest.raises(DeviceError, match=f"{here.host}: silent for 1 s; look at it with: {here.board.look}"):
        here.board.follow("sleep 20", told.append, 1)  # type: ignore[arg-type]


def test_files_come_back_as_they_went(here: BoardHere, tmp_path: Path) -> None:
    names = ("plain.bin", "with space.bin", "quote'd.bin", "-rf", "$HOME;`x`.bin")
    sent = {name: os.urandom(300_000 + k) for k, name in enumerate(names)}
    for name, content in sent.items():
        (tmp_path / name).write_bytes(content)
    out = tmp_path / "back"
    out.mkdir()
    with here.board.job() as job:
        here.board.put(tuple(tmp_path / name for name in names), job)
        assert {path.name: path.read_bytes() for path in here.jobs[0].iterdir()} == sent
        assert here.board.get((*names, "absent"), job, out) == names
        assert here.board.get(("absent",), job, out) == ()
    assert {path.name: path.read_bytes() for path in out.iterdir()} == sent
    assert here.jobs == []


def test_a_folder_is_no_file(here: BoardHere, tmp_path: Path) -> None:
    (here.home / "wanted").mkdir()
    out = tmp_path / "back"
    out.mkdir()
    assert here.board.get(("wanted",), str(here.home), out) == () and list(out.iterdir()) == []


def test_a_job_leaves_nothing_behind_and_clears_up_after_the_dead(here: BoardHere) -> None:
    old, young = (here.home / ".cache" / "compress" / f"job-{name}" for name in ("old", "young"))
    for folder in (old, young):
        folder.mkdir(parents=True)
    os.utime(old, (time.time() - 3 * 86400,) * 2)
    with pytest.raises(ZeroDivisionError), here.board.job() as job:
        assert [str(path) for path in here.jobs if path != young] == [job]
        _ = 1 / 0
    assert here.jobs == [young]


def test_a_board_that_can_not_be_written_says_so(here: BoardHere, tmp_path: Path) -> None:
    (here.home / ".cache").write_text("a file")
    with pytest.raises(DeviceError, match=f"{here.host}: can't make a folder there: .*cache"), here.board.job():
        pass
    with pytest.raises(DeviceError, match=f"{here.host}: can't write there: .*absent"):
        here.board.put((here.home / ".cache",), f"{tmp_path}/absent")
    with pytest.raises(DeviceError, match=f"{here.host}: can't read there: .*absent"):
        here.board.get(("x",), f"{tmp_path}/absent", tmp_path)


def test_a_full_disk_is_told_as_one(here: BoardHere, tmp_path: Path) -> None:
    """The kernel's own ENOSPC, from /dev/full."""
    (tmp_path / "big").write_bytes(os.urandom(100_000))
    here.fill()
    with pytest.raises(DeviceError, match=f"{here.host}: can't write there: its disk is full; free some of it"):
        here.board.put((tmp_path / "big",), str(here.home))


def test_a_command_that_does_not_end_is_left(here: BoardHere) -> None:
    with pytest.raises(DeviceError, match=f"{here.host}: not done within 1 s; look at it with: {here.board.look}"):
        here.board.run("sleep 20", 1)


def test_a_connection_that_breaks_is_told_and_hides_nothing_else(here: BoardHere) -> None:
    threading.Timer(1.0, here.cut).start()
    started = time.monotonic()
    with pytest.raises(Lost, match=f"{here.host}: .*; try: (ssh -v|adb)"), here.board.job():
        here.board.run("sleep 30", 60)
    assert time.monotonic() - started < 20
    with pytest.raises(Lost):
        here.board.follow("echo here", lambda _: None, 20)
    assert reach(here.kind, here.host).problem is not None
