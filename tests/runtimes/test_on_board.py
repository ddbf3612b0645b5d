"""Builds of two outputs on a board: a real ssh server on loopback, the real runner, real runtimes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import two_heads
from loopback import HOST, Loopback, loopback

from compress.detection.answer import PictureAndBoxes
from compress.errors import BuildError, DeviceError
from compress.records import BoxMaps, Build, IOContract, RuntimeName
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.both import BothRunner, both_contract
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.runtimes.maps import BoxRunner, maps_contract
from compress.runtimes.on_board import Board, Named, OnBoard, Timing, run_builds

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client here")
SIZE = (64, 96)
LAYOUT = BoxMaps(classes=two_heads.CLASSES)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    with loopback("asyncssh", tmp_path) as served:
        monkeypatch.setenv("COMPRESS_SSH_CONFIG", str(served.config))
        yield served


def _build(folder: Path, name: RuntimeName, contract: IOContract) -> Build:
    export_onnx(two_heads.net(), OnnxRequest(SIZE, False, 18, {}), folder / "source.onnx")
    files = open_runtime(name).build(folder / "source.onnx", "net", folder)
    return Build(
        name=f"int8-{name}", variant="int8", runtime=name, files=files, size_bytes=1, height=SIZE[0], width=SIZE[1],
        ships=True, contract=contract, inspection=open_runtime(name).inspect(folder, files, None),
    )  # fmt: skip


def _answered(folder: Path, build: Build, pictures: tuple[np.ndarray, ...]) -> OnBoard:  # type: ignore[type-arg]
    where = Board(HOST, sys.executable)
    named = (Named(build.name, folder, build),)
    return run_builds(where, named, pictures, RunOptions(threads=1), Timing(1, 2), lambda *_: None)


@pytest.mark.parametrize("name", ["onnx", "openvino"])
def test_both_outputs_come_back(name: RuntimeName, board: Loopback, tmp_path: Path) -> None:
    build = _build(tmp_path, name, both_contract(name, *SIZE, 32, LAYOUT))
    pictures = tuple(np.random.default_rng(k).integers(0, 80, (60, 90, 3), np.uint8) for k in range(2))
    there = _answered(tmp_path, build, pictures)
    here = BothRunner(build, tmp_path, RunOptions(threads=1))
    assert len(there.samples_ms[build.name]) == 2
    for picture in pictures:
        answer, wanted = there(picture), here(picture)
        assert isinstance(answer, PictureAndBoxes) and len(wanted.boxes) > 0
        assert int(np.abs(answer.picture.astype(int) - wanted.picture).max()) <= 1
        np.testing.assert_allclose(answer.boxes.corners, wanted.boxes.corners, atol=1e-2)
    with pytest.raises(BuildError, match="not among those that the board was given"):
        there(pictures[0][:50])


def test_a_board_that_gives_fewer_outputs_than_the_contract_is_refused(board: Loopback, tmp_path: Path) -> None:
    class OneHead(two_heads.FcosLite):
        """The detector alone."""

    export_onnx(OneHead(8, 2).eval(), OnnxRequest(SIZE, False, 18, {}), tmp_path / "one.onnx")
    build = _build(tmp_path, "onnx", both_contract("onnx", *SIZE, 32, LAYOUT))
    picture = np.zeros((*SIZE, 3), np.uint8)
    with pytest.raises(DeviceError, match="the runner left no int8-onnx.1.npy"):
        _answered(tmp_path, build.model_copy(update={"files": ("one.onnx",)}), (picture,))
    alone = build.model_copy(update={"files": ("one.onnx",), "contract": maps_contract("onnx", *SIZE, 32, LAYOUT)})
    boxes = _answered(tmp_path, alone, (picture,))(picture)
    np.testing.assert_array_equal(boxes.corners, BoxRunner(alone, tmp_path, RunOptions(threads=1))(picture).corners)
