"""The worker's torch module of an ONNX file answers like the file; needs no toolchain."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tiny_nets
import torch
from onnx import TensorProto, helper, numpy_helper

from compress.models.quantized import strip
from compress.runtimes.interchange import OnnxRequest, answer_of, export_onnx
from compress.toolchains.call import WORKERS

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)


@pytest.fixture(scope="module")
def graph() -> Iterator[Any]:
    """The module ``tflite_graph``, imported as the worker does it."""
    sys.path.insert(0, str(WORKERS))
    try:
        yield import_module("tflite_graph")
    finally:
        sys.path.remove(str(WORKERS))


def _model(nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], channels: int = 4) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("dark", TensorProto.FLOAT, [1, channels, 8, 12])
    y = helper.make_tensor_value_info("bright", TensorProto.FLOAT, None)
    stored = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    made = helper.make_graph(nodes, "one", [x], [y], stored)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _floats(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.5, shape).astype(np.float32)


_CASES: dict[str, tuple[dict[str, Any], dict[str, np.ndarray]]] = {
    "Abs": ({}, {}),
    "Add": ({}, {"c": np.float32(0.3)}),
    "AveragePool": ({"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}, {}),
    "Clip": ({}, {"low": np.float32(0.1), "high": np.float32(0.6)}),
    "Conv": ({"pads": [1, 0, 2, 1], "strides": [2, 1]}, {"w": _floats(6, 4, 3, 3), "b": _floats(6)}),
    "ConvTranspose": ({"strides": [2, 2]}, {"w": _floats(4, 3, 2, 2)}),
    "DepthToSpace": ({"blocksize": 2, "mode": "CRD"}, {}),
    "Div": ({}, {"c": np.float32(1.7)}),
    "Exp": ({}, {}),
    "GlobalAveragePool": ({}, {}),
    "GlobalMaxPool": ({}, {}),
    "HardSigmoid": ({"alpha": 0.3}, {}),
    "HardSwish": ({}, {}),
    "LeakyRelu": ({"alpha": 0.2}, {}),
    "Max": ({}, {"c": np.float32(0.4)}),
    "MaxPool": ({"kernel_shape": [2, 2], "strides": [2, 2]}, {}),
    "Min": ({}, {"c": np.float32(0.4)}),
    "Mul": ({}, {"c": _floats(1, 4, 1, 1)}),
    "Neg": ({}, {}),
    "PRelu": ({}, {"slope": _floats(4, 1, 1)}),
    "Pad": ({"mode": "edge"}, {"pads": np.array([0, 0, 1, 2, 0, 0, 0, 1])}),
    "Pow": ({}, {"e": np.float32(2.0)}),
    "ReduceMax": ({"keepdims": 1}, {"axes": np.array([2, 3])}),
    "ReduceMean": ({"keepdims": 1}, {"axes": np.array([1])}),
    "Relu": ({}, {}),
    "Reshape": ({}, {"shape": np.array([0, 2, 16, -1])}),
    "Sigmoid": ({}, {}),
    "Slice": ({}, {"s": np.array([1]), "e": np.array([9999]), "a": np.array([2]), "t": np.array([2])}),
    "Softmax": ({"axis": 1}, {}),
    "SpaceToDepth": ({"blocksize": 2}, {}),
    "Sqrt": ({}, {}),
    "Sub": ({}, {"c": np.float32(0.3)}),
    "Tanh": ({}, {}),
    "Transpose": ({"perm": [0, 1, 3, 2]}, {}),
}  # fmt: skip


@pytest.mark.parametrize("kind", _CASES)
def test_operators_answer_as_in_onnx(graph: Any, kind: str) -> None:
    settings, constants = _CASES[kind]
    model = _model([helper.make_node(kind, ["dark", *constants], ["bright"], name="it", **settings)], constants)
    x = np.random.default_rng(0).random((1, 4, 8, 12), np.float32)
    with torch.no_grad():
        answer = graph.Graph(model)(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(answer, answer_of(model, x), atol=1e-6)


@pytest.mark.parametrize(
    ("mode", "how", "nearest"),
    [("linear", "half_pixel", "floor"), ("linear", "align_corners", "floor"), ("nearest", "asymmetric", "floor")],
)
def test_resizes(graph: Any, mode: str, how: str, nearest: str) -> None:
    scales = {"s": np.array([1, 1, 2, 2], np.float32)}
    node = helper.make_node(
        "Resize", ["dark", "", "s"], ["bright"], name="it", mode=mode, coordinate_transformation_mode=how,
        nearest_mode=nearest,
    )  # fmt: skip
    model, x = _model([node], scales), np.random.default_rng(0).random((1, 4, 8, 12), np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(graph.Graph(model)(torch.from_numpy(x)).numpy(), answer_of(model, x), atol=1e-6)


@pytest.mark.parametrize(
    ("node", "constants", "message"),
    [
        (helper.make_node("Erf", ["dark"], ["bright"], name="odd"), {}, "odd: operator Erf can't be put into TFLite"),
        (
            helper.make_node("Resize", ["dark", "", "s"], ["bright"], name="up", mode="cubic"),
            {"s": np.array([1, 1, 2, 2], np.float32)}, "up: operator Resize, mode cubic",
        ),
        (
            helper.make_node("ConvTranspose", ["dark", "w"], ["bright"], name="up", output_padding=[1, 1]),
            {"w": _floats(4, 3, 3, 3)}, "up: operator ConvTranspose, uneven pads",
        ),
        (
            helper.make_node("Slice", ["dark", "s", "e", "a", "t"], ["bright"], name="turn"),
            {"s": np.array([-1]), "e": np.array([0]), "a": np.array([2]), "t": np.array([-1])},
            "turn: operator Slice, with a negative step",
        ),
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused_by_name(
    graph: Any, node: onnx.NodeProto, constants: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(import_module("tflite_operators").Unsupported, match=message):
        graph.Graph(_model([node], constants))


def test_a_fake_quant_network_answers_as_in_onnx(graph: Any, tmp_path: Path) -> None:
    path = tmp_path / "int8.onnx"
    export_onnx(strip(tiny_nets.fake_quant_net(), *SIZE), OnnxRequest(SIZE, False, 18, {}), path)
    model = onnx.load(str(path))
    x = np.random.default_rng(0).integers(0, 77, (1, 3, *SIZE)).astype(np.float32) / np.float32(255)
    made = graph.Graph(model)
    with torch.no_grad():
        answer = made(torch.from_numpy(x)).numpy()
    assert np.abs(answer - answer_of(model, x)).mean() < 1e-5
    assert {codes.zero_point[0] for codes in made.codes.values() if codes.axis is None} >= {-128}  # signed codes


def test_weights_with_a_code_that_tflite_lacks_are_refused(graph: Any) -> None:
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s", "z"], ["f"], name="weights", axis=0),
        helper.make_node("Conv", ["dark", "f"], ["bright"], name="it"),
    ]
    stored = {"w": np.full((2, 4, 1, 1), -128, np.int8), "s": np.ones(2, np.float32), "z": np.zeros(2, np.int8)}
    with pytest.raises(import_module("tflite_operators").Unsupported, match="weights: weights hold the code -128"):
        graph.Graph(_model(nodes, stored))
