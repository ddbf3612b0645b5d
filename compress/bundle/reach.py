"""How far a network looks: which input pixels an output pixel depends on, read from an ONNX graph.

Along one side, place ``i`` of a tensor depends on the input pixels from ``i * step + low`` to ``i * step + high``
(receptive field arithmetic; Araujo et al., Distill 2019). A reduction over the picture depends on all of it: that
part has no reach, and whoever cuts a picture into tiles changes its answer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.records import Record

if TYPE_CHECKING:
    import onnx

_SAME = frozenset((
    "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Relu", "PRelu", "LeakyRelu", "Clip", "Sqrt", "Sigmoid", "Tanh",
    "HardSigmoid", "HardSwish", "Exp", "Log", "Neg", "Abs", "Round", "Floor", "Cast", "Identity", "Where", "Concat",
    "QuantizeLinear", "DequantizeLinear", "Erf", "Softplus", "Reciprocal", "Sum",
))  # fmt: skip
_WHOLE = frozenset(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "GlobalAveragePool", "GlobalMaxPool"))
_POOLS = frozenset(("Conv", "MaxPool", "AveragePool"))


class Tiling(Record):
    """Whether a frame may be cut into tiles of a build's size, and how.

    ``halo_px``: what the local layers see to each side; a pixel farther than that from a tile's inner edge does not
    depend on where it was cut, but for the layers in ``whole``, which see all of a tile; None: not known. Tiles start
    at multiples of ``start_multiple``.
    """

    exact: bool
    halo_px: int | None
    start_multiple: int
    whole: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class _Seen:
    """What one place of a tensor sees along one side; ``step`` None: nothing but what the whole picture says."""

    step: Fraction | None
    low: Fraction
    high: Fraction
    whole: frozenset[str] = frozenset()


class _Unknown(Exception):
    """A node whose reach is not known here."""


def tiling_of(model: onnx.ModelProto, size_multiple: int) -> Tiling:
    """For the network ``model``, with one picture in and one out."""
    try:
        seen = _walk(model)
    except _Unknown as problem:
        return Tiling(exact=False, halo_px=None, start_multiple=size_multiple, whole=(),
                      note=f"how far it looks can't be told from its graph ({problem}); don't cut frames")  # fmt: skip
    whole = tuple(sorted(seen.whole))
    halo = math.ceil(max(-seen.low, seen.high, Fraction(0)))
    if not whole:
        note = "equal to the whole frame but for the order of float sums, with this halo"
        return Tiling(exact=True, halo_px=halo, start_multiple=size_multiple, whole=(), note=note)
    note = (
        f"not exact: {', '.join(whole)} see the whole picture they are given, so that each tile gets a brightness of "
        "its own, which no halo mends; put a large frame through a build of its size, or a free one. The halo is what "
        "the other layers see"
    )
    return Tiling(exact=False, halo_px=halo, start_multiple=size_multiple, whole=whole, note=note)


def no_graph(size_multiple: int) -> Tiling:
    """Where no ONNX file of the network is at hand."""
    note = "no ONNX file of the network at hand to read how far it looks; don't cut frames"
    return Tiling(exact=False, halo_px=None, start_multiple=size_multiple, whole=(), note=note)


def tiling_of_file(path: Path, size_multiple: int) -> Tiling:
    """The same for an ONNX file. Raises BuildError for a file that can't be read."""
    from compress.runtimes.onnx import read_file

    return tiling_of(read_file(path), size_multiple)


def _walk(model: onnx.ModelProto) -> _Seen:
    from compress.runtimes.interchange import constant_tensors

    constants = constant_tensors(model)
    graph = model.graph
    given = [value.name for value in graph.input if value.name not in constants]
    if len(given) != 1 or len(graph.output) != 1:
        raise _Unknown("more than one input or output")
    known = {given[0]: _Seen(Fraction(1), Fraction(0), Fraction(0))}
    for node in graph.node:
        taken = [known[name] for name in node.input if name in known]
        if taken:
            made = _through(node, taken, constants)
            known.update(dict.fromkeys(node.output, made))
    seen = known.get(graph.output[0].name)
    if seen is None or not (seen.step is None or seen.step.numerator == 1):
        raise _Unknown("its answer is smaller than the picture")
    return seen


def _through(node: onnx.NodeProto, taken: list[_Seen], constants: dict[str, Any]) -> _Seen:
    attributes = {each.name: each for each in node.attribute}
    kind = node.op_type
    if kind in _SAME:
        return _together(node, taken)
    first = taken[0]
    if kind in _WHOLE:
        return _Seen(None, Fraction(0), Fraction(0), first.whole | {node.name or node.output[0]})
    if kind == "Slice":
        return _sliced(node, first, constants)
    if first.step is None and kind in ("Conv", "Reshape", "Flatten", "Gemm", "MatMul", "Squeeze", "Unsqueeze", "Split"):
        return first
    if kind in _POOLS:
        return max((_pooled(first, attributes, side) for side in (0, 1)), key=lambda seen: seen.high - seen.low)
    if kind == "DepthToSpace":
        return _enlarged(first, Fraction(attributes["blocksize"].i), nearest=True)
    if kind == "SpaceToDepth" and first.step is not None:
        block = attributes["blocksize"].i
        return _Seen(first.step * block, first.low, first.high + (block - 1) * first.step, first.whole)
    if kind == "ConvTranspose":
        return _transposed(first, attributes)
    if kind == "Resize":
        return _resized(node, first, attributes, constants)
    raise _Unknown(f"{kind} {node.name}".strip())


def _together(node: onnx.NodeProto, taken: list[_Seen]) -> _Seen:
    whole = frozenset().union(*(seen.whole for seen in taken))
    local = [seen for seen in taken if seen.step is not None]
    if not local:
        return _Seen(None, Fraction(0), Fraction(0), whole)
    if len({seen.step for seen in local}) != 1:
        raise _Unknown(f"{node.op_type} {node.name} of different sizes")
    return _Seen(local[0].step, min(s.low for s in local), max(s.high for s in local), whole)


def _ints(attributes: dict[str, Any], name: str, default: list[int]) -> list[int]:
    return list(attributes[name].ints) if name in attributes else default


def _pooled(seen: _Seen, attributes: dict[str, Any], side: int) -> _Seen:
    if seen.step is None or "kernel_shape" not in attributes:
        raise _Unknown("a convolution without kernel_shape")
    if attributes.get("auto_pad") and attributes["auto_pad"].s not in (b"", b"NOTSET"):
        raise _Unknown("auto_pad")
    kernel = _ints(attributes, "kernel_shape", [])[side]
    dilation = _ints(attributes, "dilations", [1, 1])[side]
    before = _ints(attributes, "pads", [0, 0, 0, 0])[side]
    stride = _ints(attributes, "strides", [1, 1])[side]
    reach = (kernel - 1) * dilation - before
    return _Seen(seen.step * stride, seen.low - before * seen.step, seen.high + reach * seen.step, seen.whole)


def _enlarged(seen: _Seen, times: Fraction, *, nearest: bool) -> _Seen:
    """Place ``o`` takes place ``floor(o / times)``, or mixes the two around ``(o + 1/2) / times - 1/2``."""
    if seen.step is None:
        raise _Unknown("a resize of what has no size")
    below = 1 - 1 / times if nearest else Fraction(3, 2) - 1 / (2 * times)
    above = Fraction(0) if nearest else Fraction(1, 2) + 1 / (2 * times)
    return _Seen(seen.step / times, seen.low - below * seen.step, seen.high + above * seen.step, seen.whole)


def _transposed(seen: _Seen, attributes: dict[str, Any]) -> _Seen:
    """Place ``o`` takes the places ``(o + pad - j * dilation) / stride`` for each ``j`` of the kernel."""
    if seen.step is None or "kernel_shape" not in attributes:
        raise _Unknown("a transposed convolution without kernel_shape")
    stride, pad = _ints(attributes, "strides", [1, 1])[0], _ints(attributes, "pads", [0, 0, 0, 0])[0]
    last = (_ints(attributes, "kernel_shape", [])[0] - 1) * _ints(attributes, "dilations", [1, 1])[0]
    step = seen.step / stride
    return _Seen(step, seen.low + (pad - last) * step, seen.high + pad * step, seen.whole)


def _resized(node: onnx.NodeProto, seen: _Seen, attributes: dict[str, Any], constants: dict[str, Any]) -> _Seen:
    from onnx import numpy_helper

    if len(node.input) < 3 or node.input[2] not in constants:
        raise _Unknown(f"Resize {node.name} to a size, not by a factor")
    scales = numpy_helper.to_array(constants[node.input[2]])
    modes = {name: attributes[name].s.decode() for name in ("mode", "coordinate_transformation_mode", "nearest_mode")
             if name in attributes}  # fmt: skip
    way = modes.get("mode", "nearest"), modes.get("coordinate_transformation_mode", "half_pixel")
    if scales.size != 4 or scales[2] != scales[3] or scales[2] < 1 or scales[2] != int(scales[2]):
        raise _Unknown(f"Resize {node.name} by {scales.tolist()}")
    times = Fraction(int(scales[2]))
    if way == ("nearest", "asymmetric") and modes.get("nearest_mode") == "floor":
        return _enlarged(seen, times, nearest=True)
    if way == ("linear", "half_pixel"):
        return _enlarged(seen, times, nearest=False)
    raise _Unknown(f"Resize {node.name} {' '.join(way)}")


def _sliced(node: onnx.NodeProto, seen: _Seen, constants: dict[str, Any]) -> _Seen:
    """Of channels only: along the picture's sides it would move places."""
    from onnx import numpy_helper

    axes = numpy_helper.to_array(constants[node.input[3]]).tolist() if len(node.input) > 3 else None
    if seen.step is not None and (axes is None or not {int(axis) for axis in axes} <= {0, 1}):
        raise _Unknown(f"Slice {node.name} along a side")
    return seen
