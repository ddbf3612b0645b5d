"""The float network inside a quantized graph, for SDKs that choose scales of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray


def without_quantizers(model: onnx.ModelProto) -> onnx.ModelProto:
    """A float copy of a QDQ ``model``: no quantizers of activations, weights as the floats they stand for."""
    import onnx
    from onnx import numpy_helper

    from compress.runtimes.interchange import constant_tensors

    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    constants = constant_tensors(plain)
    instead: dict[str, str] = {}
    for node in list(plain.graph.node):
        if node.op_type == "QuantizeLinear":
            instead[node.output[0]] = node.input[0]
            plain.graph.node.remove(node)
        elif node.op_type == "DequantizeLinear":
            if node.input[0] in constants:
                axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
                stored, scale, zero = (numpy_helper.to_array(constants[name]) for name in node.input)
                floats = dequantize(stored, scale, zero, axis)
                plain.graph.initializer.append(numpy_helper.from_array(floats, node.output[0]))
            else:
                instead[node.output[0]] = node.input[0]
            plain.graph.node.remove(node)
    for node in plain.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = _followed(name, instead)
    _drop_unused(plain)
    onnx.checker.check_model(plain, full_check=True)
    return plain


def _followed(name: str, instead: dict[str, str]) -> str:
    while name in instead:
        name = instead[name]
    return name


def dequantize(
    stored: NDArray[np.int8], scale: NDArray[np.float32], zero: NDArray[np.int8], axis: int
) -> NDArray[np.float32]:
    """ONNX DequantizeLinear: ``(stored - zero) * scale``, per tensor or along ``axis``."""
    import numpy as np

    shape = [1] * stored.ndim
    if scale.size > 1:
        shape[axis] = scale.size
    steps = stored.astype(np.float32) - zero.astype(np.float32).reshape(shape)
    values: NDArray[np.float32] = steps * scale.reshape(shape)
    return values


def _drop_unused(model: onnx.ModelProto) -> None:
    used = {name for node in model.graph.node for name in node.input} | {out.name for out in model.graph.output}
    for tensor in list(model.graph.initializer):
        if tensor.name not in used:
            model.graph.initializer.remove(tensor)
    for node in list(model.graph.node):
        if node.op_type == "Constant" and node.output[0] not in used:
            model.graph.node.remove(node)
