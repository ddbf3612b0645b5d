"""A graph whose float layers say float16, for SDKs that take precision from the graph only (docs/adr/0009).

The conversion is ONNX Runtime's own (``onnxruntime.transformers.float16``). What stays float32: the picture at both
ends, every quantizer with its trained scale, and the layers that run on its codes, whose answers and biases would
otherwise be rounded on their way to the next quantizer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import BuildError, one_line
from compress.runtimes.interchange import answers_of, span_of

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

HALF_LIMIT_DB = 50.0
"""Least PSNR between answers in float16 and in float32: noise of that size costs a picture of 30 dB .04 dB."""

_PICTURES = 4

_QUANTIZERS = ("QuantizeLinear", "DequantizeLinear")


def to_half(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """A copy with float16 between its float32 ends, checked. ``name`` is for messages.

    Every node must have a name of its own. Raises BuildError for a graph that the conversion breaks.
    """
    import onnx

    kept = quantized_nodes(model)
    typed = onnx.shape_inference.infer_shapes(model)
    _store_constants(typed)
    half: onnx.ModelProto = _converter()(
        typed, keep_io_types=True, disable_shape_infer=True, op_block_list=[], node_block_list=list(kept)
    )
    _drop_twins(half)
    _join_casts(half)
    _sort(half)
    del half.graph.value_info[:]  # the converter's notes on tensors that are gone
    try:
        onnx.checker.check_model(half, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise BuildError(f"{name}: can't be written in float16: {one_line(error, kind=False)}") from None
    return half


def answers_db(half: onnx.ModelProto, model: onnx.ModelProto, frames: Path | None) -> tuple[float, ...]:
    """PSNR in dB between the answers of both by ONNX Runtime without their quantizers, a figure a picture: of two
    outputs the lower one.

    A code that falls on the other side of a rounding step is no error of float16 and makes nothing worse, but moves all
    that follows: two equally good INT8 answers lie as far apart as each from the float one (docs/adr/0009).
    ``frames``: a .npy file as ``BuildOptions.calibration``; without it, smooth random pictures. ONNX Runtime has few
    float16 kernels on CPUs: tensors are rounded where layers meet, sums are float32, as on tensor cores.
    """
    plain = [without_rounding(each) for each in (half, model)]
    pairs = ([answers_of(each, x) for each in plain] for x in _pictures(model, frames))
    return tuple(min(_db(name, one[name], other[name]) for name in other) for one, other in pairs)


def _db(name: str, one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """PSNR of an output on a scale of 1, of maps on that of their span."""
    import numpy as np

    return round(-10 * float(np.log10(max(float(np.mean((one - other) ** 2)) / span_of(name, other) ** 2, 1e-12))), 2)


def without_rounding(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which what a QuantizeLinear and a DequantizeLinear round goes on as it is; stored codes stay."""
    import onnx

    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    rounded = {node.output[0]: node.input[0] for node in plain.graph.node if node.op_type == "QuantizeLinear"}
    ends = {value.name for value in plain.graph.output}
    back = {
        node.output[0]: rounded[node.input[0]]
        for node in plain.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in rounded and node.output[0] not in ends
    }
    for node in plain.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = back.get(name, name)
    return plain


def _pictures(model: onnx.ModelProto, frames: Path | None) -> list[NDArray[np.float32]]:
    """Dark pictures (1, 3, H, W): frames, or noise of several scales on a slope, a quarter as bright as it may be."""
    import numpy as np

    if frames is not None:
        return [np.ascontiguousarray(frame[None]) for frame in np.load(frames)[:_PICTURES]]
    _, _, height, width = (side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim)
    rng, made = np.random.default_rng(0), []
    for _ in range(_PICTURES):
        x = np.linspace(0, 1, width, dtype=np.float32) * rng.random((3, 1, 1), np.float32)
        x = np.broadcast_to(x, (3, height, width)).copy()
        for scale in (1, 4, 16, 64):
            coarse = rng.random((3, -(-height // scale), -(-width // scale)), np.float32)
            x += np.kron(coarse, np.ones((1, scale, scale), np.float32))[:, :height, :width]
        codes = np.rint(x / x.max() * 64).astype(np.float32)
        made.append(np.ascontiguousarray(codes[None] / np.float32(255)))
    return made


def quantized_nodes(model: onnx.ModelProto) -> tuple[str, ...]:
    """Quantizers, and all that lies between a DequantizeLinear and the next QuantizeLinear, or up to the last layer.

    A layer of codes answers in float32 where no quantizer follows; what reads that answer is a float layer.
    """
    nodes = {node.name: node for node in model.graph.node}
    readers = _readers(model)
    codes = {node.output[0] for node in nodes.values() if node.op_type == "DequantizeLinear"}
    found = [name for name, node in nodes.items() if node.op_type in _QUANTIZERS]
    for node in nodes.values():
        if node.op_type in _QUANTIZERS or not codes.intersection(node.input):
            continue
        found.append(node.name)
        chain = [node]
        while len(after := readers.get(chain[-1].output[0], [])) == 1 and len(after[0].output) == 1:
            if after[0].op_type == "QuantizeLinear":
                found += [each.name for each in chain[1:]]
                break
            chain.append(after[0])
    return tuple(dict.fromkeys(found))


def _converter() -> Callable[..., Any]:
    """Importing it puts its folder, full of modules with everyday names, on the path; it is taken off again."""
    before = list(sys.path)
    try:
        from onnxruntime.transformers.float16 import convert_float_to_float16
    finally:
        sys.path[:] = before
    found: Callable[..., Any] = convert_float_to_float16
    return found


def _store_constants(model: onnx.ModelProto) -> None:
    """Constant nodes as stored tensors, without a note on their type: the converter then leaves those in float32
    that only layers of float32 read, and does not cast one twice that two layers read."""
    for node in [each for each in model.graph.node if each.op_type == "Constant" and each.attribute[0].name == "value"]:
        stored = model.graph.initializer.add()
        stored.CopyFrom(node.attribute[0].t)
        stored.name = node.output[0]
        model.graph.node.remove(node)
    names = {tensor.name for tensor in model.graph.initializer}
    notes = [value for value in model.graph.value_info if value.name not in names]
    del model.graph.value_info[:]
    model.graph.value_info.extend(notes)


def _readers(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    return found


def _drop_twins(model: onnx.ModelProto) -> None:
    """The converter casts a tensor once for each of its readers, all under one name; one is enough."""
    seen: set[str] = set()
    for node in list(model.graph.node):
        if node.op_type == "Cast" and node.output[0] in seen:
            model.graph.node.remove(node)
        elif node.op_type == "Cast":
            seen.add(node.output[0])


def _join_casts(model: onnx.ModelProto) -> None:
    """Between two layers that both stay float32 the converter goes by float16: straight on instead."""
    from onnx import TensorProto

    casts = {node.output[0]: node for node in model.graph.node if node.op_type == "Cast"}
    down = {out: node.input[0] for out, node in casts.items() if node.attribute[0].i == TensorProto.FLOAT16}
    instead = {
        out: down[node.input[0]]
        for out, node in casts.items() if node.attribute[0].i == TensorProto.FLOAT and node.input[0] in down
    }  # fmt: skip
    ends = {value.name for value in model.graph.output}
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = instead.get(name, name)
    for kind in (instead, down):
        used = set(_readers(model))
        for out in kind:
            if out not in used | ends:
                model.graph.node.remove(casts[out])


def _sort(model: onnx.ModelProto) -> None:
    """The converter appends its casts; ONNX wants every node behind what it reads. The others keep their order."""
    makers = {name: node for node in model.graph.node for name in node.output}
    ordered: dict[str, onnx.NodeProto] = {}

    def put(node: onnx.NodeProto) -> None:
        if node.output[0] in ordered:
            return
        for name in node.input:
            if name in makers and makers[name].op_type == "Cast":
                put(makers[name])
        ordered[node.output[0]] = node

    for node in list(model.graph.node):
        if node.op_type != "Cast":
            put(node)
    casts = [node for node in model.graph.node if node.output[0] not in ordered]  # those at the end
    nodes = [*ordered.values(), *casts]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
