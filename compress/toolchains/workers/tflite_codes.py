"""Where a TFLite file needs codes that training did not give: at its ends, and for answers of int8 layers.

TFLite's int8 convolution answers in int8, so a trained layer whose answer nobody quantized needs a range,
seen on frames, or it runs in float. The image-space part stays float unless the file must be all integer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from tflite_graph import Codes, Graph, Rounded, Step, Weight, Wire
from tflite_operators import ELEMENTWISE
from torch import Tensor, nn
from torch.nn import functional as F

CAMERA = Codes((1.0 / 255.0,), (-128,))
"""8-bit pictures, minus 128."""

MAPS = "maps"
"""The output that is no picture (``compress.runtimes.interchange``)."""

HEAVY = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_MOVES = ("DepthToSpace", "SpaceToDepth", "Transpose", "Reshape", "Flatten", "Slice", "MaxPool", "Identity")
_AVERAGES = ("AveragePool", "GlobalAveragePool", "ReduceMean", "Resize")
_FIXED = {"Sigmoid": Codes((1.0 / 256,), (-128,)), "Tanh": Codes((1.0 / 128,), (0,))}
"""TFLite's own codes of these operators' answers."""

_MARGIN = 1.25
"""Frames that are seen later may go beyond those that the range was read from."""

Ranges = dict[str, tuple[float, float]]


class Wall(nn.Module):
    """A product with one, (1, C, H, W): the converter carries no codes across it. With ``codes`` an int8 layer."""

    def __init__(self, channels: int, codes: bool = False) -> None:
        super().__init__()
        self.register_buffer("ones", torch.ones(channels, 1, 1, 1))
        one = Codes((1.0 / 127.0,) * channels, (0,) * channels, 8, 0)
        self.rounded = Rounded(one) if codes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        ones: Tensor = self.get_buffer("ones")
        return F.conv2d(x, self.rounded(ones), groups=len(ones))


def see_ranges(graph: Graph, frames: Iterable[np.ndarray]) -> Ranges:
    """Lowest and highest value of every tensor over ``frames``, each (3, H, W) float32 in [0, 1]."""
    ranges: Ranges = {}
    with torch.no_grad():
        for frame in frames:
            for name, value in graph.run(torch.from_numpy(np.ascontiguousarray(frame[None], np.float32))).items():
                low, high = ranges.get(name, (0.0, 0.0))
                ranges[name] = min(low, float(value.min())), max(high, float(value.max()))
    return ranges


def code_ends(graph: Graph) -> None:
    """8-bit codes of pictures at both ends; maps stay floats, for they have no range."""
    if not (graph.readers(graph.input) and _all_read_codes(graph, graph.input, CAMERA)):
        graph.round_after(graph.input, CAMERA, "camera")
    for end in [name for name in graph.ends if name != MAPS]:
        _code_end(graph, end)


def _code_end(graph: Graph, end: str) -> None:
    """Whatever only moves pixels before the output moves codes."""
    tensor = graph.ends[end]
    while (wire := graph.maker(tensor)) is not None and wire.kind in _MOVES:
        tensor = wire.inputs[0]
    if wire is not None and wire.kind == "Clip" and _clips_to_picture(graph, wire) and len(graph.readers(tensor)) == 1:
        graph.drop(wire)  # codes end where pictures do
        tensor = wire.inputs[0]
        graph.round_after(tensor, CAMERA, "picture")
    elif tensor != graph.ends[end]:
        graph.round_after(tensor, CAMERA, "picture")
    graph.round_after(graph.ends[end], CAMERA, "picture")


def _clips_to_picture(graph: Graph, wire: Wire) -> bool:
    far = torch.tensor([-9.0, 9.0])
    return bool((graph.get_submodule(wire.module)(far) == torch.tensor([0.0, 1.0])).all())


def _all_read_codes(graph: Graph, tensor: str, codes: Codes) -> bool:
    """Whether all who read ``tensor`` round it to ``codes`` (scales are float32)."""
    for wire in graph.readers(tensor):
        found = graph.codes.get(wire.output)
        if found is None or found.zero_point != codes.zero_point or found.bits != codes.bits:
            return False
        if abs(found.scale[0] - codes.scale[0]) > 1e-6 * codes.scale[0]:
            return False
    return True


def answers_in_float(graph: Graph) -> list[Wire]:
    """Layers with codes on both inputs whose answer nobody quantizes; those that only pick pixels are left out.

    To pick pixels is exact in float and cheap.
    """
    layers = [wire for wire in graph.wires if _takes_codes(graph, wire) and _answers_anyone(graph, wire)]
    return [wire for wire in layers if not _picks(graph, wire)]


def _takes_codes(graph: Graph, wire: Wire) -> bool:
    return bool(wire.kind in HEAVY and len(wire.inputs) >= 2 and all(name in graph.codes for name in wire.inputs[:2]))


def _answers_anyone(graph: Graph, wire: Wire) -> bool:
    """Whether somebody takes the answer as it is, not through an activation into a quantizer."""
    for reader in graph.readers(wire.output):
        after = graph.readers(reader.output) if reader.kind in ("Relu", "Clip") else [reader]
        if any(each.output not in graph.codes for each in after):
            return True
    return wire.output in graph.ends.values()


def _picks(graph: Graph, wire: Wire) -> bool:
    maker = graph.maker(wire.inputs[1])
    assert maker is not None
    kernel = graph.get_submodule(maker.module)().reshape(-1)
    return bool(((kernel == 0) | (torch.abs(kernel - 1) < 1e-5)).all())


def codes_for(low: float, high: float) -> Codes:
    """8-bit codes that hold [low, high], zero and a margin."""
    low, high = min(low, 0.0) * _MARGIN, max(high, 0.0) * _MARGIN
    scale = float(np.float32(max(high - low, 1e-6) / 255))
    return Codes((scale,), (int(np.clip(round(-low / scale) - 128, -128, 127)),))


def code_islands(graph: Graph, ranges: Ranges) -> list[str]:
    """8-bit codes for whatever has none yet, float weights and constants too; the tensors among them."""
    islands = [wire.module for wire in graph.wires if _is_island(graph, wire)]
    done: list[str] = []
    for module in islands:
        wire = next(wire for wire in graph.wires if wire.module == module)
        step = graph.get_submodule(wire.module)
        assert isinstance(step, Step)
        if wire.kind in HEAVY:
            step.round_weight()
        elif wire.kind in ELEMENTWISE:
            step.round_constants()
        after = graph.readers(wire.output)
        trained = [each for each in after if each.output in graph.codes]
        if trained:  # beside codes seen on frames the converter would merge the trained ones away
            graph.share(trained[0])
        elif wire.kind in _MOVES and wire.inputs[0] in graph.codes:
            graph.round_after(wire.output, graph.codes[wire.inputs[0]], "moved")
        elif not (len(after) == 1 and after[0].kind == "Relu"):
            done.append(wire.output)
            graph.round_after(wire.output, _FIXED.get(wire.kind) or codes_for(*ranges[wire.output]), "seen")
    return done


def _is_island(graph: Graph, wire: Wire) -> bool:
    """Whether training left it float: no layer with codes on both inputs, no activation of one, no move of codes."""
    if isinstance(graph.get_submodule(wire.module), Rounded | Weight) or _takes_codes(graph, wire):
        return False
    maker = graph.maker(wire.inputs[0])
    of_layer = maker is not None and wire.kind in ("Relu", "Clip") and _takes_codes(graph, maker)
    moves = wire.kind in _MOVES and graph.codes.get(wire.inputs[0]) == CAMERA
    return not (of_layer or moves)


def _wider(codes: Codes) -> Codes:
    """The same range in 16 bits, which TFLite has symmetric only."""
    low, high = ((limit - codes.zero_point[0]) * codes.scale[0] for limit in codes.limits)
    return replace(codes, scale=(max(high, -low) / 32767,), zero_point=(0,), bits=16)


def put_walls(graph: Graph, sample: Tensor) -> None:
    """Walls where the converter would carry codes to what has none of its own, or others (ADR 0008)."""
    with torch.no_grad():
        channels = {name: value.shape[1] for name, value in graph.run(sample).items() if value.dim() > 1}
    for wire in list(graph.wires):
        for name in _carried(graph, wire):
            wall = Wall(channels[name], codes=isinstance(graph.get_submodule(wire.module), Rounded))
            graph.insert_after(name, wall, f"wall {wire.module}", readers=(wire.module,))


def _carried(graph: Graph, wire: Wire) -> tuple[str, ...]:
    """Inputs of ``wire`` whose codes it would pass on.

    A second rounding in a row is taken for the first, as where the picture is joined with features and takes their
    scale. What is joined gets the codes of any of it. An average that nobody quantizes is rounded to its input's codes,
    which leaves a dark thumbnail with a handful of values.
    """
    coded = {name: graph.codes[name] for name in wire.inputs if name in graph.codes}
    if isinstance(graph.get_submodule(wire.module), Rounded):
        passes = any(codes != graph.codes.get(wire.output) for codes in coded.values())
    elif wire.kind == "Concat":
        passes = len(coded) < len(set(wire.inputs)) or len(set(coded.values())) > 1
    else:
        passes = wire.kind in _AVERAGES and any(each.output not in graph.codes for each in graph.readers(wire.output))
    return tuple(coded) if passes else ()


def widen(graph: Graph) -> None:
    """16-bit codes for every activation, over the trained range; weights stay int8."""
    for wire in graph.wires:
        module = graph.get_submodule(wire.module)
        ends = wire.kind in ("camera", "picture") or wire.inputs == (graph.input,)
        if isinstance(module, Rounded) and module.codes.bits == 8 and not ends:
            wider = _wider(module.codes)
            graph.codes[wire.output] = wider
            setattr(graph, wire.module, Rounded(wider))
