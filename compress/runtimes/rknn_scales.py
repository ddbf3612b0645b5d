"""Scales in an .rknn file against the trained ones.

Those of activations are compared as numbers. An int8 weight has, for each output channel, a share of the layer's
largest scale in 1/16384: the shares are compared, and the integers themselves, which stand in the file in the
NPU's order. A layer that runs in float16 has the floats that the trained integers stand for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compress.records import QuantizationTable, TensorScale
from compress.runtimes.dequantized import dequantize
from compress.runtimes.interchange import constant_tensors
from compress.runtimes.rknn_file import RknnFile, RknnNode, RknnTensor, channel_shares
from compress.runtimes.scales import FoundScale, compare_scales, equal_scales, quantizer_of

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

_SHARE_TOLERANCE = 1.0 / 16384
_FLOAT16_TOLERANCE = 1.0 / 1024


def compare_rknn(built: RknnFile, source: onnx.ModelProto, table: QuantizationTable) -> tuple[int, tuple[str, ...]]:
    """How many tensors of ``table`` were compared, and one line for each difference."""
    activations = tuple(row for row in table.tensors if row.kind == "activation")
    compared, differences = compare_scales(
        _activations(built, source), table.model_copy(update={"tensors": activations})
    )
    weights = {node.name: node for node in source.graph.node if node.op_type == "DequantizeLinear"}
    lines = list(differences)
    for row in table.tensors:
        if row.kind == "weight":
            # a layer that is called several times has one weight, under the name of one call
            same = (row, *(other for other in table.tensors if equal_scales(other, row)))
            names = [name for each in same for name in weights if f"/{quantizer_of(each)}." in name]
            problem = _weight(built, source, weights[names[0]], row) if names else "no quantizer in the source"
            compared += problem != _ABSENT
            lines += [f"{row.tensor}: {problem}"] if problem else []
    return compared, tuple(lines)


_ABSENT = "its constant is not in the build"


def _activations(built: RknnFile, source: onnx.ModelProto) -> Iterator[FoundScale]:
    """The build names a tensor after what goes into the quantizer, comes out of it, or out of its other half."""
    import numpy as np
    from onnx import numpy_helper

    constants = constant_tensors(source)
    held = {tensor.name: tensor for tensor in built.tensors if tensor.scale}
    quantizers = {node.output[0]: node for node in source.graph.node if node.op_type == "QuantizeLinear"}
    for node in source.graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in quantizers:
            continue
        names = (quantizers[node.input[0]].input[0], node.input[0], node.output[0])
        tensor = next((held[name] for name in names if name in held), None)
        if tensor is not None:
            shift = 128 if numpy_helper.to_array(constants[node.input[2]]).dtype == np.uint8 else 0
            zero = np.asarray(tensor.zero_point, np.int64) + shift  # the NPU counts from -128
            yield FoundScale(node.name, np.asarray(tensor.scale, np.float32), zero_point=zero)


def _weight(built: RknnFile, source: onnx.ModelProto, node: onnx.NodeProto, row: TensorScale) -> str:
    """What is unequal in one weight, or an empty text."""
    import numpy as np
    from onnx import numpy_helper

    index, user = _user(built, node.output[0])
    if user is None or built.tensors[index].constant is None:
        return _ABSENT
    constants = constant_tensors(source)
    trained = numpy_helper.to_array(constants[node.input[0]])
    raw = built.constants[built.tensors[index].constant or 0]
    scale = np.asarray(row.scale, np.float32)
    if built.tensors[user.inputs[0]].dtype != "int8":
        # per channel along the second axis for a transposed convolution
        return _floats(raw, dequantize(trained, scale, np.zeros_like(scale, np.int8), row.axis or 0))
    stored = _sorted(np.frombuffer(raw, np.int8)).astype(np.float64)
    given = _sorted(trained.reshape(-1)).astype(np.float64)
    if stored.shape != given.shape or np.abs(stored - given * (127 / 128)).max() > 0.51:
        if not np.array_equal(stored, given):
            return "the integers are not the trained ones"
        rounded = ""
    else:
        rounded = "its scales are 128/127 of the trained ones, integers rounded again: the toolkit reckons with -128"
    bias = _constant(built, user, 2)
    if bias is None or scale.size == 1:
        return rounded
    shares = np.asarray(channel_shares(built, bias, scale.size))
    off = np.abs(shares - scale / scale.max())
    worst = int(np.argmax(off))
    if off[worst] <= _SHARE_TOLERANCE:
        return rounded
    return f"share {shares[worst]:.5f} of the largest scale at {worst}, trained {scale[worst] / scale.max():.5f}"


def _floats(raw: bytes, trained: NDArray[np.float32]) -> str:
    import numpy as np

    held = _sorted(np.frombuffer(raw, np.float16).astype(np.float32))
    wanted = _sorted(trained.reshape(-1))
    if held.shape == wanted.shape and np.allclose(held, wanted, rtol=_FLOAT16_TOLERANCE, atol=1e-7):
        return ""
    return "runs in float16, and not with the floats of the trained integers"


def _sorted(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Without zeros, which also fill the NPU's blocks."""
    import numpy as np

    return np.sort(values[values != 0])


def _user(built: RknnFile, name: str) -> tuple[int, RknnNode | None]:
    """Place of the tensor called ``name``, and the operator that takes it."""
    index = next((place for place, tensor in enumerate(built.tensors) if tensor.name == name), -1)
    return index, next((node for node in built.nodes if index in node.inputs), None)


def _constant(built: RknnFile, node: RknnNode, place: int) -> bytes | None:
    tensor: RknnTensor | None = built.tensors[node.inputs[place]] if place < len(node.inputs) else None
    return None if tensor is None or tensor.constant is None else built.constants[tensor.constant]
