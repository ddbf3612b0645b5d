"""What TensorRT asks of QuantizeLinear and DequantizeLinear, checked in the ONNX file itself.

The parser can't be left to check it: to uint8 with zero-point 0 it says "defaulting to INT8", takes the
graph and cuts every code above 127 (tried with TensorRT-RTX 1.7.1). docs/adr/0007-tensorrt-qdq.md has the rules.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compress.runtimes.interchange import constant_tensors

if TYPE_CHECKING:
    import onnx

_KINDS = ("QuantizeLinear", "DequantizeLinear")


def broken_rules(model: onnx.ModelProto) -> tuple[str, ...]:
    """One line for each node that TensorRT would refuse or misread, in the order of the graph."""
    constants = constant_tensors(model)
    return tuple(
        f"{node.name or node.output[0]}: {problem}"
        for node in model.graph.node
        if node.op_type in _KINDS
        for problem in _problems(node, constants)
    )


def _problems(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> Iterator[str]:
    from onnx import TensorProto, numpy_helper

    stored = constants.get(node.input[0]) if node.op_type == "DequantizeLinear" else None
    zero = constants.get(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    if stored is not None and stored.data_type == TensorProto.INT32:
        yield "an int32 bias; TensorRT wants biases as floats"
        return
    if node.input[1] not in constants:
        yield "a computed scale; it must be a constant"
    if len(node.input) > 2 and node.input[2] and zero is None:
        yield "a computed zero-point; it must be the constant 0"
        return
    kind = TensorProto.UINT8 if zero is None else zero.data_type
    if stored is not None:
        kind = stored.data_type
    if kind != TensorProto.INT8:
        name = TensorProto.DataType.Name(kind).lower()
        yield f"{name} codes; TensorRT has int8 only and would cut those above 127"
    if zero is not None and numpy_helper.to_array(zero).any():
        first = int(numpy_helper.to_array(zero).reshape(-1).astype("int64")[0])
        yield f"zero-point {first}; it must be 0"
