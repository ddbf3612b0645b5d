"""A graph of two convolutions, the second one in int8, as TensorRT wants its Q/DQ pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SYMMETRIC = np.int8(0)


def small_qdq(
    *, zero: Any = SYMMETRIC, bias: np.ndarray[Any, Any] | None = None, last: str = "Relu", **settings: Any
) -> onnx.ModelProto:
    """dark → float Conv → Q → DQ → Conv with int8 weights (and bias) → ``last`` → bright."""
    rng = np.random.default_rng(0)
    stored: dict[str, Any] = {
        "kernel": rng.random((16, 3, 3, 3), np.float32) - np.float32(0.5),
        "step": np.float32(0.02), "zero": zero, "steps": np.full(16, 0.01, np.float32), "zeros": np.zeros(16, np.int8),
        "codes": rng.integers(-127, 128, (16, 16, 3, 3)).astype(np.int8),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["dark", "kernel"], ["seen"], name="first", pads=[1, 1, 1, 1]),
        helper.make_node("QuantizeLinear", ["seen", "step", "zero"], ["q"], name="quantize"),
        helper.make_node("DequantizeLinear", ["q", "step", "zero"], ["d"], name="dequantize"),
        helper.make_node("DequantizeLinear", ["codes", "steps", "zeros"], ["w"], name="weights", axis=0),
    ]
    inputs = ["d", "w"]
    if bias is not None:
        stored |= {"bias": bias, "fine": np.float32(2e-4), "none": np.int32(0)}
        inputs.append("bias")
        if bias.dtype == np.int32:
            nodes.append(helper.make_node("DequantizeLinear", ["bias", "fine", "none"], ["b"], name="bias"))
            inputs[-1] = "b"
    nodes.append(helper.make_node("Conv", inputs, ["felt"], name="second", pads=[1, 1, 1, 1]))
    nodes.append(helper.make_node(last, ["felt"], ["bright"], name="end", **settings))
    return finished(nodes, stored)


def finished(nodes: list[onnx.NodeProto], stored: dict[str, Any]) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("dark", TensorProto.FLOAT, (1, 3, 16, 16))],
        [helper.make_tensor_value_info("bright", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in stored.items()],
    )  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
