"""Weights that the NPU runs in float16 are the floats of the trained integers, whichever axis has the scales."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compress.records import QuantizationTable, TensorScale
from compress.runtimes.dequantized import dequantize
from compress.runtimes.rknn_file import RknnFile, RknnNode, RknnTensor
from compress.runtimes.rknn_scales import compare_rknn

INTEGERS = np.arange(1, 25, dtype=np.int8).reshape(3, 2, 2, 2)


def source(axis: int, scale: np.ndarray) -> onnx.ModelProto:  # type: ignore[type-arg]
    node = helper.make_node("DequantizeLinear", ["w", "s", "z"], ["floats"], name="/up__1.weight/Dequantize", axis=axis)
    constants = {"w": INTEGERS, "s": scale, "z": np.zeros(scale.shape, np.int8)}
    output = helper.make_tensor_value_info("floats", TensorProto.FLOAT, INTEGERS.shape)
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    return helper.make_model(helper.make_graph([node], "one", [], [output], held))


def built(weights: np.ndarray) -> RknnFile:  # type: ignore[type-arg]
    tensors = (
        RknnTensor("x", (1, 3, 4, 4), "float16", (), (), None),
        RknnTensor("floats", INTEGERS.shape, "float16", (), (), 0),
    )
    node = RknnNode("ConvTranspose", "up", (0, 1))
    return RknnFile("rk3588", "", tensors, (node,), (weights.astype(np.float16).tobytes(),))


@pytest.mark.parametrize("axis", [0, 1])
def test_floats_are_compared_along_the_axis_of_the_scales(axis: int) -> None:
    scale = np.linspace(0.01, 0.03, INTEGERS.shape[axis], dtype=np.float32)
    row = TensorScale(
        tensor="up weight", kind="weight", scale=tuple(map(float, scale)), zero_point=(0,) * scale.size,
        quant_min=-128, quant_max=127, low=(0.0,) * scale.size, high=(1.0,) * scale.size, axis=axis,
    )  # fmt: skip
    table = QuantizationTable(scheme={}, tensors=(row,), kept_float=())
    trained = dequantize(INTEGERS, scale, np.zeros(scale.shape, np.int8), axis)
    assert compare_rknn(built(trained), source(axis, scale), table) == (1, ())
    compared, differences = compare_rknn(built(trained * 1.1), source(axis, scale), table)
    assert compared == 1 and "not with the floats" in differences[0]
