"""What breaks while a board works for us: each a clear line, and the same job goes on with what was finished."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from loopback import BoardHere, board_here
from one_node import model_of
from onnx import helper

from compress.devices.remote import BoardBuild, BoardResults, Place, run_on_board
from compress.errors import DeviceError

LONG, SHORT = 100_000, r"sed -i 's/\"runs\": 100000/\"runs\": 3/' job.json"
"""Runs that take minutes, and what makes three of them; neither the job nor its folder is another one for it."""


@pytest.fixture(params=["openssh", "adb", "old adb"])
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardHere]:
    with board_here(request.param, tmp_path) as made:
        made.enter(monkeypatch)
        yield made


@pytest.fixture
def build(tmp_path: Path) -> BoardBuild:
    onnx.save(model_of([helper.make_node("Abs", ["dark"], ["bright"])], (1, 3, 8, 8)), str(tmp_path / "one.onnx"))
    tensors = np.random.default_rng(0).standard_normal((3, 3, 8, 8)).astype(np.float32)
    return BoardBuild("one", "onnx", (tmp_path / "one.onnx",), 1, "f32", tensors)


def _python(here: BoardHere, before: str) -> str:
    """The board's Python, after a line of shell in the folder of the job."""
    here.tool("python-here", f'{before}\nexec {sys.executable} "$@"')
    return str(here.tools / "python-here")


def _run(here: BoardHere, build: BoardBuild, before: str) -> tuple[BoardResults, list[str]]:
    told: list[str] = []
    place = Place(here.board, _python(here, before))
    return run_on_board(place, (build,), 1, LONG, lambda done, total, note: told.append(note)), told


def _goes_on(here: BoardHere, build: BoardBuild, answered_ns: int | None = None) -> list[str]:
    """The same job is run to its end, with the answers that were there."""
    note = here.home / "answered"
    kept = f"stat -c %.9Y results/one.npy 2>/dev/null | tr -d . > {note}"
    results, told = _run(here, build, f"{SHORT}; {kept}")
    assert np.array_equal(results.answers["one"], np.abs(build.tensors)) and len(results.samples_ms["one"]) == 3
    assert answered_ns is None or int(note.read_text()) == answered_ns
    assert _jobs(here) == []
    return told


def _jobs(here: BoardHere) -> list[Path]:
    return list((here.home / ".cache" / "compress").glob("run-*"))


def _answered_ns(here: BoardHere) -> int:
    (job,) = _jobs(here)
    assert not (job / "results" / "times.json").exists() and not list((job / "results").glob("*.half"))
    return (job / "results" / "one.npy").stat().st_mtime_ns


def _when_answered(here: BoardHere, then: object) -> threading.Thread:
    def wait() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until and not any((job / "results" / "one.npy").exists() for job in _jobs(here)):
            time.sleep(0.02)
        assert callable(then)
        then()

    waiting = threading.Thread(target=wait)
    waiting.start()
    return waiting


def test_a_connection_that_breaks_while_the_board_stays_up(here: BoardHere, build: BoardBuild) -> None:
    waiting = _when_answered(here, here.drop)
    with pytest.raises(DeviceError, match=f"{here.host}: .*It answers again; what was finished is kept.*run it again"):
        _run(here, build, ":")
    waiting.join()
    _goes_on(here, build, _answered_ns(here))


def test_a_board_that_was_restarted(here: BoardHere, build: BoardBuild) -> None:
    """Its boot id is another one, as told by the ``cat`` of the board, and read by the runner where Linux keeps it."""
    boots = here.home / "boot"
    boots.write_text("first")
    here.tool("cat", f'[ "$1" = /proc/sys/kernel/random/boot_id ] || exec /bin/cat "$@"; exec /bin/cat {boots}')

    def restart() -> None:
        boots.write_text("second")
        here.drop()

    waiting = _when_answered(here, restart)
    with pytest.raises(
        DeviceError, match=f"{here.host}: .*It was restarted meanwhile, and answers again; what was fin"
    ):
        _run(here, build, ":")
    waiting.join()
    (job,) = _jobs(here)
    (job / "results" / "boot_id").write_text("another")
    assert "on the board: goes on after a restart of the board" in _goes_on(here, build, _answered_ns(here))


def test_a_runner_that_is_killed(here: BoardHere, build: BoardBuild) -> None:
    killing = "(while ! [ -e results/one.npy ]; do sleep .05; done; kill -9 $$) >/dev/null 2>&1 &"
    with pytest.raises(DeviceError, match=f"{here.host}: the runner was killed by signal 9 .*kept, run it again"):
        _run(here, build, killing)
    _goes_on(here, build, _answered_ns(here))


def test_a_disk_that_is_full(here: BoardHere, build: BoardBuild) -> None:
    """The kernel's own ENOSPC, from /dev/full, where the answers are to be written."""
    full = "mkdir -p results; ln -sf /dev/full results/one.npy.half"
    with pytest.raises(
        DeviceError, match=f"{here.host}: its disk is full; free some of it .*what was finished is kept"
    ):
        _run(here, build, full)
    (job,) = _jobs(here)
    assert [path.name for path in (job / "results").iterdir()] == ["boot_id"]
    _goes_on(here, build)
