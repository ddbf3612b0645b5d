"""Boxes from inside of a graph are those of the decoder outside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
import pytest

from compress.detection.decode import decode
from compress.detection.in_graph import OBJECTS, boxes_of, rows_of, with_objects
from compress.records import BoxMaps

LAYOUT = BoxMaps(classes=("one", "two", "three"))
SIZE = (96, 160)
SHAPE = (1, LAYOUT.channels, SIZE[0] // 8, SIZE[1] // 8)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph that hands maps on, and boxes beside them."""
    ends = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, SHAPE) for name in ("given", "maps")]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["given"], ["maps"])], "net", ends[:1], ends[1:])
    plain = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    path = tmp_path_factory.mktemp("graph") / "objects.onnx"
    onnx.save(with_objects(plain, "maps", LAYOUT, SIZE), path)
    return path


def _by_onnx(file: Path, maps: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return session.run([OBJECTS], {"given": maps})[0]  # type: ignore[no-any-return]


def _by_openvino(file: Path, maps: np.ndarray) -> np.ndarray:
    core = openvino.Core()
    found = core.compile_model(core.read_model(str(file)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([maps])
    return np.array(found[OBJECTS])


@pytest.mark.parametrize("ask", [_by_onnx, _by_openvino])
@pytest.mark.parametrize("mean", [-9.0, -2.0, 2.0])
def test_the_boxes_are_the_decoder_s(file: Path, ask: object, mean: float) -> None:
    """None, some hundred, and more candidates of a class than are looked at."""
    maps = np.random.default_rng(3).normal(0, 1.5, SHAPE).astype(np.float32)
    for level in range(3):
        maps[:, level * 8 : level * 8 + 3] += mean
    rows = ask(file, maps)  # type: ignore[operator]
    assert rows.shape == (1, rows_of(LAYOUT), 6) and (np.diff(rows[0, :, 4]) <= 0).all()
    mine, wanted = boxes_of(rows[0], *SIZE), decode(maps[0], LAYOUT, *SIZE)
    assert len(mine) == len(wanted) and (len(wanted) > 50) == (mean > -9)
    assert mine.labels.tolist() == wanted.labels.tolist()
    assert mine.scores == pytest.approx(wanted.scores, abs=1e-5)
    assert mine.corners == pytest.approx(wanted.corners, abs=1e-3)
