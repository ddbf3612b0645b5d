"""Names, paths and fields of a target never reach a shell: not on this machine, and on a board only as quoted words."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from loopback import BoardHere, board_here

from compress.devices.adb import AdbBoard
from compress.devices.board import Board, checked_name
from compress.devices.boards import open_board
from compress.devices.reach import reach
from compress.devices.remote import runner_line
from compress.devices.runner.conditions import set_up
from compress.devices.ssh import SshBoard
from compress.errors import DeviceError

NASTY = st.text(st.sampled_from("$`;&|<>()'\"\\ \n\t*?[]{}~#!=-%@:abü\U0001f600"), min_size=1, max_size=24)
EVIL = "$(touch made);`touch made`;touch made\n'; touch made;'\" && touch made"


@given(st.text(max_size=30) | NASTY)
@example("-oProxyCommand=touch made")
@example("board\n")
@example("")
def test_a_name_that_is_taken_means_nothing_to_a_shell(host: str) -> None:
    """ssh hands it on to ProxyCommand and Match exec: so one that any shell would read otherwise is refused."""
    try:
        assert checked_name(host) == host
    except DeviceError as error:
        assert "\n" not in str(error)
        for kind in ("ssh", "adb"):
            with pytest.raises(DeviceError):
                open_board(kind, host)
            assert "can't be the name of a board" in str(reach(kind, host).problem)
    else:
        assert shlex.quote(host) == host and not host.startswith("-")


@pytest.mark.parametrize("host", ["orin", "root@10.0.0.2", "fe80::1%eth0", "10.0.0.2:5555", "ssh://a@b:22", "0123ABC"])
def test_names_that_boards_have_are_taken(host: str) -> None:
    assert checked_name(host) == host


@given(NASTY)
@example(EVIL)
@settings(max_examples=60, deadline=None)
@pytest.mark.parametrize("board", [SshBoard("board"), AdbBoard("board")], ids=["ssh", "adb"])
def test_a_word_arrives_on_a_board_as_it_was(board: Board, word: str) -> None:
    """Client's last word, read by a real shell as the board's is: ssh's login shell, adb's ``sh -c``."""
    assert isinstance(board, SshBoard | AdbBoard)
    words = board._words(f"printf %s {shlex.quote(word)}")
    assert words.count("board") == 1 and all(word not in each or each == words[-1] for each in words if len(word) > 9)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["/bin/sh", "-c", words[-1]], capture_output=True, cwd=folder, check=True)
        assert os.listdir(folder) == []
    assert done.stdout.decode().removesuffix("\ncompress-ended 0\n") == word


@given(NASTY)
@example(EVIL.replace("/", ""))
@settings(max_examples=25, deadline=None)
def test_the_runner_is_started_where_and_with_what_was_named(name: str) -> None:
    assume(name not in (".", ".."))
    with tempfile.TemporaryDirectory() as text:
        job, python = Path(text) / "jobs" / name, Path(text) / "bin" / name
        for folder in (job, python.parent, Path(text) / "tools"):
            folder.mkdir(parents=True)
        for path, line in ((Path(text) / "tools" / "mv", "exit 0"), (python, 'pwd; printf "%s|" "$@"')):
            path.write_text(f"#!/bin/sh\n{line}\n")
            path.chmod(0o755)
        line = runner_line(str(job), str(python))
        environment = {"PATH": f"{text}/tools:/usr/bin:/bin"}
        done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, env=environment, cwd=text)
        assert done.stdout.decode() == f"{job}\n-m|compress_runner|.|" and done.returncode == 0
        assert sorted(os.listdir(text)) == ["bin", "jobs", "tools"]


@pytest.fixture(scope="module", params=["asyncssh", "adb"])
def here(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoardHere]:
    with board_here(request.param, tmp_path_factory.mktemp("board")) as made, pytest.MonkeyPatch.context() as patch:
        made.enter(patch)
        yield made


@given(st.lists(NASTY.filter(lambda name: "\\" not in name), min_size=1, max_size=3, unique=True))
@example([EVIL])
@settings(max_examples=5, deadline=None)
def test_files_of_any_name_go_and_come(here: BoardHere, names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as text, here.board.job() as job:
        there, back = Path(text) / "there", Path(text) / "back"
        there.mkdir()
        back.mkdir()
        for number, name in enumerate(names):
            (there / name).write_bytes(bytes([number]) * 100)
        here.board.put(tuple(there / name for name in names), job)
        assert here.board.get(tuple(names), job, back) == tuple(names)
        assert {path.name: path.read_bytes() for path in back.iterdir()} == {
            path.name: path.read_bytes() for path in there.iterdir()
        }
    assert not list(here.home.glob("made"))


def test_a_backslash_is_refused_before_tar_can_read_it(here: BoardHere, tmp_path: Path) -> None:
    with here.board.job() as job, pytest.raises(DeviceError, match="tar reads a backslash; name the file otherwise"):
        here.board.get(("plain", "\\\\"), job, tmp_path)
    assert not list(tmp_path.iterdir())


@given(NASTY)
@example(EVIL)
@settings(max_examples=25, deadline=None)
def test_what_sets_a_board_right_runs_without_a_shell(word: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "set"
        script.write_text('#!/bin/sh\nprintf %s "$1" > "$0.told"\n')
        script.chmod(0o755)
        set_up([[str(script), word]])
        assert Path(f"{script}.told").read_text() == word and len(os.listdir(folder)) == 2
