"""Models of one operator, and what proves that all its rewrites equal it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from compress.operators import OperatorLimit
from compress.runtimes.interchange import answer_of
from compress.runtimes.rewrites import forms
from compress.runtimes.rewrites.graph import Graph, Patch

Shape = tuple[int, int, int, int]
STEP = 1 / 64


def model_of(
    nodes: list[onnx.NodeProto], shape: Shape, constants: dict[str, NDArray[Any]] | None = None, opset: int = 18
) -> onnx.ModelProto:
    """``dark`` of this shape to ``bright``."""
    graph = helper.make_graph(
        nodes, "one",
        [helper.make_tensor_value_info("dark", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("bright", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in (constants or {}).items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)


def quantized(node: onnx.NodeProto, shape: Shape, constants: dict[str, NDArray[Any]]) -> onnx.ModelProto:
    """``node`` (from ``dark`` to ``bright``) between two quantizers of the same scale."""
    inside = onnx.NodeProto()
    inside.CopyFrom(node)
    inside.input[0], inside.output[0] = "x", "y"
    nodes = []
    for before, after in (("dark", "x"), ("y", "bright")):
        if after == "bright":
            nodes.append(inside)
        names = {"name": f"/place/{after}__0.0/QuantizeLinear"}
        nodes.append(helper.make_node("QuantizeLinear", [before, "scale", "zero"], [f"{before}_q"], **names))
        names = {"name": f"/place/{after}__0.0/DequantizeLinear"}
        nodes.append(helper.make_node("DequantizeLinear", [f"{before}_q", "scale", "zero"], [after], **names))
    grid = {"scale": np.asarray(STEP, np.float32), "zero": np.asarray(-3, np.int8)}
    return model_of(nodes, shape, {**constants, **grid})


def picture(seed: int, shape: Shape, low: float = -1.0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).uniform(low, 1.0, shape).astype(np.float32)


def all_forms(model: onnx.ModelProto, operator: str, *limits: OperatorLimit) -> list[tuple[Patch, onnx.ModelProto]]:
    graph = Graph(model)
    node = next(node for node in model.graph.node if node.op_type == operator)
    made = [(patch, graph.replaced(node, patch).model) for patch in forms(graph, node, limits)]
    for patch, changed in made:
        onnx.checker.check_model(changed, full_check=True)
        mine = [each for each in patch.nodes if each.op_type == operator]
        assert limits or all(b"nearest" in [a.s for a in each.attribute] for each in mine)  # of Resize, another mode
    return made


def assert_all_equal(model: onnx.ModelProto, operator: str, seed: int, count: int, *limits: OperatorLimit) -> None:
    """At least ``count`` forms, each as exact as it says.

    Float sums may differ by their order: the longest, cubic, has sixteen terms, each rounded by half a step of the
    largest input at most, in either graph.
    """
    shape = tuple(side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim)
    x = picture(seed, shape)  # type: ignore[arg-type]
    truth = answer_of(model, x)
    made = all_forms(model, operator, *limits)
    rounding = 16 * float(np.finfo(np.float32).eps) * max(1.0, float(np.abs(x).max()))
    assert len(made) >= count
    for patch, changed in made:
        answer = answer_of(changed, x)
        assert answer.shape == truth.shape and patch.exactness != "approximate"
        if patch.exactness == "bits":
            np.testing.assert_array_equal(answer, truth, patch.form)
        else:
            np.testing.assert_allclose(answer, truth, rtol=1e-6, atol=rounding, err_msg=patch.form)


def assert_equal_in_int8(
    node: onnx.NodeProto, shape: Shape, constants: dict[str, NDArray[Any]], seed: int, *limits: OperatorLimit
) -> None:
    """Quantizers stay as they are, and the answer is the same code (or, where sums are rounded, the next one)."""
    model = quantized(node, shape, constants)
    x = picture(seed, shape)
    truth = answer_of(model, x)
    for patch, changed in all_forms(model, node.op_type, *limits):
        kept = {each.name: each for each in changed.graph.node if "Linear" in each.op_type}
        scales = {tensor.name: tensor for tensor in changed.graph.initializer}
        for old in model.graph.node:
            if "Linear" in old.op_type:
                assert kept[old.name] == old
                assert scales[old.input[1]] == next(t for t in model.graph.initializer if t.name == old.input[1])
        away = np.abs(answer_of(changed, x) - truth).max()
        assert away <= (0 if patch.exactness == "bits" else STEP * 1.001), patch.form


def limit(operator: str, **bounds: Any) -> OperatorLimit:
    return OperatorLimit(operator=operator, source="a test", **bounds)
