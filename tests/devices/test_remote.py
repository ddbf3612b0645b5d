"""Builds run on a board: a real ssh server on loopback, the real runner, real runtimes."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_nets
from loopback import HOST, Loopback, loopback
from one_node import model_of
from onnx import helper

from compress.artefacts import Student
from compress.devices import remote
from compress.devices.remote import BoardBuild, BoardResults, Place, run_on_board
from compress.devices.ssh import SshBoard
from compress.errors import Busy, DeviceError
from compress.models.weights import load_net
from compress.runtimes import open_runtime, why_not_built
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.runtimes.picture import from_tensor, to_batch, to_picture, to_tensor

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client here")
SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with loopback("asyncssh", tmp_path) as served:
        monkeypatch.setenv("COMPRESS_SSH_CONFIG", str(served.config))
        yield served


def _build(folder: Path, count: int = 3, operator: str = "Abs") -> BoardBuild:
    """One operator through ONNX Runtime, to be fed ``count`` pictures."""
    onnx.save(model_of([helper.make_node(operator, ["dark"], ["bright"])], (1, 3, 8, 8)), str(folder / "one.onnx"))
    tensors = np.random.default_rng(0).standard_normal((count, 3, 8, 8)).astype(np.float32)
    return BoardBuild("one", "onnx", (folder / "one.onnx",), 1, "f32", tensors)


def _run(*builds: BoardBuild, python: str = sys.executable) -> tuple[BoardResults, list[str]]:
    told: list[str] = []
    place = Place(SshBoard(HOST), python)
    results = run_on_board(place, builds, 2, 12, lambda done, total, note: told.append(f"{note} {done}/{total}"))
    return results, told


@pytest.mark.parametrize(
    "name",
    [
        "onnx",
        "openvino",
        pytest.param("tflite", marks=pytest.mark.skipif(why_not_built("tflite") is not None, reason="no toolchain")),
    ],
)
def test_a_board_answers_as_this_machine_does(name: str, board: Loopback, tmp_path: Path) -> None:
    student = Student(tiny_nets.make_student(tmp_path / "student").folder, "key", "digest")
    export_onnx(load_net(student.weights), OnnxRequest(SIZE, False, 18, {}), tmp_path / "net.onnx")
    runtime = open_runtime(name)
    (tmp_path / "out").mkdir()
    files = runtime.build(tmp_path / "net.onnx", "net", tmp_path / "out")
    dark, bright = (runtime.border(tensor, *SIZE) for tensor in ("dark", "bright"))
    pictures = [np.random.default_rng(k).integers(0, 80, (*SIZE, 3), np.uint8) for k in range(2)]
    tensors = np.concatenate([to_tensor(picture, dark, 8) for picture in pictures])
    paths = tuple(tmp_path / "out" / each for each in files)
    results, told = _run(BoardBuild("net", name, paths, 1, "f32", tensors))
    session = runtime.load(tmp_path / "out", files, RunOptions(threads=1))
    for picture, answer in zip(pictures, results.answers["net"], strict=True):
        here = to_picture(session.infer(to_batch(picture, 8)), *SIZE)
        there = from_tensor(answer[None], bright, *SIZE)
        assert int(np.abs(here.astype(int) - there).max()) <= 1  # the last bit of a float may be another's
    assert len(results.samples_ms["net"]) == 12 and min(results.samples_ms["net"]) > 0
    facts = results.facts
    assert facts.before["kernel"] == facts.after["kernel"] and facts.peak_memory_mib > 10
    assert told[0] == "on the board: net answers 1/2" and told[-1] == "on the board: times 12/12"
    assert list((board.home / ".cache" / "compress").glob("run-*")) == []


def test_files_of_one_name_are_told_apart(board: Loopback, tmp_path: Path) -> None:
    """A candidate and its baseline are called the same."""
    for name in ("after", "before"):
        (tmp_path / name).mkdir()
    after = replace(_build(tmp_path / "after"), name="after")
    before = replace(_build(tmp_path / "before", operator="Neg"), name="before")
    assert after.files[0].name == before.files[0].name
    results, _ = _run(after, before)
    assert np.array_equal(results.answers["after"], np.abs(after.tensors))
    assert np.array_equal(results.answers["before"], -before.tensors)


def test_a_job_whose_connection_broke_goes_on_where_it_stopped(board: Loopback, tmp_path: Path) -> None:
    build = _build(tmp_path, 400)
    killer = threading.Thread(target=_kill_when_answered, args=(board,))
    killer.start()
    with pytest.raises(DeviceError, match="board: .*; try: ssh -v board. What was finished is kept there for two days"):
        run_on_board(Place(SshBoard(HOST), sys.executable), (build,), 2, 100_000, lambda *_: None)
    killer.join()
    (job,) = (board.home / ".cache" / "compress").glob("run-*")
    answered = (job / "results" / "one.npy").stat().st_mtime_ns
    assert not (job / "results" / "times.json").exists()
    (tmp_path / "again").mkdir()
    with loopback("asyncssh", tmp_path / "again") as second:
        second.home.rmdir()
        second.home.symlink_to(board.home)
        board.config.write_bytes(second.config.read_bytes())
        results = run_on_board(Place(SshBoard(HOST), _quick_python(tmp_path)), (build,), 2, 100_000, lambda *_: None)
    assert np.array_equal(results.answers["one"], np.abs(build.tensors))
    assert int((tmp_path / "answered").read_text()) == answered


def _kill_when_answered(board: Loopback) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and not list((board.home / ".cache" / "compress").glob("run-*/results/one.npy")):
        time.sleep(0.02)
    board.cut()


def _quick_python(folder: Path) -> str:
    """A Python that notes when the answers were made and cuts the timing short, for it would take minutes."""
    script = folder / "python"
    cut = r"sed -i 's/\"runs\": 100000/\"runs\": 3/' job.json; stat -c %.9Y results/one.npy | tr -d . "
    script.write_text(f'#!/bin/sh\n{cut} > {folder}/answered\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return str(script)


def test_only_one_measures_on_a_board(board: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_WAIT_S", 0.2)
    folder = board.home / ".cache" / "compress"
    folder.mkdir(parents=True)
    with (folder / "device.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        json.dump({"pid": 123, "since": "2026-01-01 00:00:00"}, lock)
        lock.flush()
        with pytest.raises(Busy, match="board: measured by process 123 since 2026-01-01 00:00:00; wait for it"):
            _run(_build(tmp_path))
    assert np.array_equal(_run(_build(tmp_path))[0].answers["one"], np.abs(_build(tmp_path).tensors))


def test_what_is_wrong_on_a_board_is_said_in_a_line(board: Loopback, tmp_path: Path) -> None:
    build = _build(tmp_path)
    board.tool("bare", f'exec {sys.executable} -S -E "$@"')
    with pytest.raises(DeviceError, match="board: no ONNX Runtime here; .* target.device.python=FILE"):
        _run(build, python=str(board.tools / "bare"))
    with pytest.raises(DeviceError, match="board: the runner ended with 127: .*nopython.*not found"):
        _run(build, python="nopython")
    with pytest.raises(DeviceError, match="board: no RKNN runtime here; pip install rknn-toolkit-lite2.*=FILE"):
        _run(replace(build, runtime="rknn"))
    with pytest.raises(
        DeviceError, match="board: no TensorRT for Python here; .*apt install python3-libnvinfer.*=FILE"
    ):
        _run(replace(build, runtime="tensorrt"))
    with pytest.raises(DeviceError, match="board: this runner has no way to run hailo builds; "):
        _run(replace(build, runtime="hailo"))
    build.files[0].write_bytes(build.files[0].read_bytes()[:40])
    with pytest.raises(DeviceError, match="board: the runner ended with 1: .*one.onnx"):
        _run(build)


def test_shell_characters_reach_no_shell(board: Loopback, tmp_path: Path) -> None:
    evil = f"$(touch {tmp_path}/made);`touch {tmp_path}/made`"
    with pytest.raises(DeviceError):
        _run(_build(tmp_path), python=evil)
    with pytest.raises(DeviceError):
        Place(SshBoard(f"-oProxyCommand=touch {tmp_path}/made"), "python3")
    assert not (tmp_path / "made").exists()


def test_the_runner_is_python_38_and_imports_nothing_of_ours() -> None:
    sources = sorted(Path(remote._runner).parent.glob("*.py"))
    assert len(sources) >= 5
    told = subprocess.run(
        [sys.executable, "-c", "from vermin import main; main()", "-t=3.8-", "--violations", *map(str, sources)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert told.returncode == 0, told.stdout
    assert not [path.name for path in sources if re.search(r"^\s*(from|import) compress", path.read_text(), re.M)]
