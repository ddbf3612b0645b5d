"""An ONNX file as a torch module that the LiteRT converter understands.

One submodule, ``n<index>``, for each node, so that tensors of the .tflite file can be traced to their node.
Quantize and dequantize are explicit operators with the scales of the file: the converter takes these as
they stand. Codes are signed there, so uint8 codes are shifted by 128. Tensors stay NCHW; the converter's
layout pass turns them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import torch
import torch.ao.quantization.fx._decomposed  # noqa: F401  declares torch.ops.quantized_decomposed
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.helper import get_attribute_value
from tflite_operators import ELEMENTWISE, OPERATORS, Node, Unsupported
from torch import Tensor, nn

_OPS = torch.ops.quantized_decomposed
_BITS = {np.dtype(t): np.iinfo(t).bits for t in (np.uint8, np.int8, np.uint16, np.int16)}
_DTYPES = {8: torch.int8, 16: torch.int16}


@dataclass(frozen=True)
class Codes:
    """Signed codes of a tensor: ``scale`` and ``zero_point`` (C,) along ``axis``, or one of each."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    bits: int = 8
    axis: int | None = None

    @property
    def limits(self) -> tuple[int, int]:
        """Smallest and largest code; -128 is no code of per-channel weights in TFLite."""
        half = 1 << (self.bits - 1)
        return (-half if self.axis is None else 1 - half), half - 1


class Rounded(nn.Module):
    """Quantize and dequantize at once; float32 in and out."""

    def __init__(self, codes: Codes) -> None:
        super().__init__()
        self.codes = codes
        self.register_buffer("scale", torch.tensor(codes.scale, dtype=torch.float32))
        self.register_buffer("zero_point", torch.tensor(codes.zero_point, dtype=torch.int64))

    def forward(self, x: Tensor) -> Tensor:
        low, high = self.codes.limits
        dtype = _DTYPES[self.codes.bits]
        if self.codes.axis is None:
            how = (self.codes.scale[0], self.codes.zero_point[0], low, high, dtype)
            whole: Tensor = _OPS.dequantize_per_tensor(_OPS.quantize_per_tensor(x, *how), *how)
            return whole
        each = (self.scale, self.zero_point, self.codes.axis, low, high, dtype)
        rounded: Tensor = _OPS.dequantize_per_channel(_OPS.quantize_per_channel(x, *each), *each)
        return rounded


class Weight(nn.Module):
    """Stored integers as the floats they stand for, rounded to just these again by the converter."""

    def __init__(self, values: NDArray[np.float32], codes: Codes) -> None:
        super().__init__()
        self.register_buffer("values", torch.from_numpy(values))
        self.rounded = Rounded(codes)

    def forward(self) -> Tensor:
        values: Tensor = self.rounded(self.values)
        return values


class Step(nn.Module):
    """One node: a torch function of its tensors; constants among its inputs are buffers."""

    def __init__(self, run: Callable[..., Tensor], constants: dict[int, NDArray[Any]], places: tuple[int, ...]) -> None:
        super().__init__()
        self._run, self._places = run, places
        self._constants = tuple(constants)
        self._rounded: dict[int, Rounded] = {}
        for place, value in constants.items():
            self.register_buffer(f"constant{place}", torch.from_numpy(np.array(value)))

    def forward(self, *given: Tensor) -> Tensor:
        tensors = dict(zip(self._places, given, strict=True))
        tensors |= {place: self.get_buffer(f"constant{place}") for place in self._constants}
        tensors |= {place: rounded(tensors[place]) for place, rounded in self._rounded.items()}
        return self._run(*(tensors.get(place) for place in range(max(tensors) + 1)))

    def round_weight(self) -> None:
        """Make a float weight int8, symmetric, one scale for each of its outputs (its first axis)."""
        if 1 in self._constants:
            weight = self.get_buffer("constant1")
            highest = weight.abs().amax(tuple(range(1, weight.ndim))).clamp(min=1e-8)
            scale = tuple(float(value) for value in highest / 127.0)
            self._rounded[1] = Rounded(Codes(scale, (0,) * len(scale), 8, 0))

    def round_constants(self) -> None:
        """Make constants of arithmetic int8, symmetric."""
        for place in self._constants:
            highest = float(self.get_buffer(f"constant{place}").abs().max())
            self._rounded[place] = Rounded(Codes((max(highest, 1e-8) / 127,), (0,)))


@dataclass(frozen=True)
class Wire:
    """A submodule: the node that it stands for, where its inputs come from and what its output is called."""

    module: str
    node: str
    kind: str
    inputs: tuple[str, ...]
    output: str


class Graph(nn.Module):
    """``dark`` (1, 3, H, W) to ``bright``, ``maps`` or both, float32, as the ONNX file computes them.

    Raises Unsupported, with operator and node, for what can't be said in torch or in TFLite.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self.input = model.graph.input[0].name
        self.wires: list[Wire] = []
        self.codes: dict[str, Codes] = {}
        """Of every rounded tensor, weights among them, by its name."""
        self.constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
        self._same: dict[str, str] = {}
        values = onnx.shape_inference.infer_shapes(model).graph
        self._ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in (*values.value_info, *values.input)}
        for index, proto in enumerate(model.graph.node):
            self._add(f"n{index}", proto)
        self.ends = {value.name: self._named(value.name) for value in model.graph.output}
        """The tensor of each output, by what that is called outside, whatever is rounded behind it."""

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        tensors = self.run(x)
        found = tuple(tensors[name] for name in self.ends.values())
        return found if len(found) > 1 else found[0]

    def run(self, x: Tensor) -> dict[str, Tensor]:
        """Every tensor of the graph."""
        tensors = {self.input: x}
        for wire in self.wires:
            tensors[wire.output] = self.get_submodule(wire.module)(*(tensors[name] for name in wire.inputs))
        return tensors

    def maker(self, tensor: str) -> Wire | None:
        """What computes ``tensor``; None for the input."""
        return next((wire for wire in self.wires if wire.output == tensor), None)

    def readers(self, tensor: str) -> list[Wire]:
        return [wire for wire in self.wires if tensor in wire.inputs]

    def drop(self, wire: Wire) -> None:
        """Take a submodule out; who reads its output reads its input."""
        self.wires.remove(wire)
        for i, other in enumerate(self.wires):
            names = tuple(wire.inputs[0] if name == wire.output else name for name in other.inputs)
            self.wires[i] = replace(other, inputs=names)

    def insert_after(self, tensor: str, module: nn.Module, kind: str, readers: tuple[str, ...] | None = None) -> str:
        """Put ``module`` behind ``tensor`` for all who read it, or for the submodules ``readers``; its output."""
        made = f"{tensor}/{kind}"
        at = next((i + 1 for i, wire in enumerate(self.wires) if wire.output == tensor), 0)
        for i, wire in enumerate(self.wires):
            if readers is None or wire.module in readers:
                self.wires[i] = replace(wire, inputs=tuple(made if name == tensor else name for name in wire.inputs))
        if readers is None:
            self.ends = {end: made if name == tensor else name for end, name in self.ends.items()}
        name = f"i{sum(1 for wire in self.wires if wire.module.startswith('i'))}"
        self.add_module(name, module)
        self.wires.insert(at, Wire(name, f"{tensor}/{kind}", kind, (tensor,), made))
        return made

    def round_after(self, tensor: str, codes: Codes, kind: str) -> str:
        """Quantize ``tensor`` for all who read it."""
        made = self.insert_after(tensor, Rounded(codes), kind)
        self.codes[made] = codes
        return made

    def share(self, rounded: Wire) -> None:
        """Let all who read a tensor read it as ``rounded``, one of its quantizers, gives it."""
        tensor = rounded.inputs[0]
        self.wires.remove(rounded)
        at = next((i + 1 for i, wire in enumerate(self.wires) if wire.output == tensor), 0)
        for i, wire in enumerate(self.wires):
            names = tuple(rounded.output if name == tensor else name for name in wire.inputs)
            self.wires[i] = replace(wire, inputs=names)
        self.wires.insert(at, rounded)

    def _put(self, wire: Wire, module: nn.Module) -> None:
        self.add_module(wire.module, module)
        self.wires.append(wire)

    def _named(self, name: str) -> str:
        return self._same.get(name, name)

    def _add(self, module: str, proto: onnx.NodeProto) -> None:
        output = proto.output[0]
        if proto.op_type == "Constant":
            self.constants[output] = _constant(proto)
        elif proto.op_type == "Identity" and proto.input[0] in self.constants:
            self.constants[output] = self.constants[proto.input[0]]
        elif proto.op_type in ("Identity", "Dropout"):
            self._same[output] = self._named(proto.input[0])
        elif proto.op_type == "QuantizeLinear":
            self.codes[output] = self._codes(proto)[0]
            wire = Wire(module, proto.name, proto.op_type, (self._named(proto.input[0]),), output)
            self._put(wire, Rounded(self.codes[output]))
        elif proto.op_type == "DequantizeLinear":
            self._dequantize(module, proto)
        else:
            self._compute(module, proto)

    def _compute(self, module: str, proto: onnx.NodeProto) -> None:
        if proto.op_type not in OPERATORS or proto.domain not in ("", "ai.onnx"):
            known = ", ".join(sorted(OPERATORS))
            raise Unsupported(f"{proto.name}: operator {proto.op_type} can't be put into TFLite; known are {known}")
        if len(proto.output) != 1:
            raise Unsupported(f"{proto.name}: operator {proto.op_type} with {len(proto.output)} outputs; use Slice")
        settings = {a.name: get_attribute_value(a) for a in proto.attribute}
        inputs = [self.constants.get(name) if name else None for name in proto.input]
        run, consumed = OPERATORS[proto.op_type](Node(proto.op_type, proto.name, settings, inputs))
        given = tuple(i for i in consumed if i < len(inputs) and proto.input[i] and inputs[i] is None)
        constants = {i: value for i, value in enumerate(inputs) if i in consumed and value is not None}
        if proto.op_type in ELEMENTWISE:
            constants = {i: self._spread(value, [proto.input[g] for g in given]) for i, value in constants.items()}
        tensors = tuple(self._named(proto.input[i]) for i in given)
        self._put(Wire(module, proto.name, proto.op_type, tensors, proto.output[0]), Step(run, constants, given))

    def _spread(self, value: NDArray[Any], beside: list[str]) -> NDArray[Any]:
        """``value`` with as many dimensions as the tensors beside it: the layout pass turns nothing else."""
        missing = max((self._ranks.get(name, 0) for name in beside), default=0) - value.ndim
        return value.reshape((1,) * max(missing, 0) + value.shape)

    def _codes(self, proto: onnx.NodeProto) -> tuple[Codes, int]:
        """The scales of a Quantize- or DequantizeLinear as signed codes, and what was subtracted for that."""
        scale, zero = (np.atleast_1d(self.constants[name]) for name in proto.input[1:3])
        if zero.dtype not in _BITS:
            raise Unsupported(f"{proto.name}: {zero.dtype} codes; TFLite has 8 and 16 bits (a bias stays float)")
        bits = _BITS[zero.dtype]
        shift = 0 if np.iinfo(zero.dtype).min < 0 else 1 << (bits - 1)
        axis = next((a.i for a in proto.attribute if a.name == "axis"), 1) if scale.size > 1 else None
        codes = Codes(tuple(map(float, scale)), tuple(int(z) - shift for z in zero), bits, axis)
        if bits == 16 and any(codes.zero_point):
            raise Unsupported(f"{proto.name}: 16-bit codes with a zero-point; TFLite has them symmetric only")
        return codes, shift

    def _dequantize(self, module: str, proto: onnx.NodeProto) -> None:
        output, stored = proto.output[0], self.constants.get(proto.input[0])
        if stored is None:
            self._same[output] = self._named(proto.input[0])
            return
        codes, shift = self._codes(proto)
        low, _ = codes.limits
        if int(stored.min()) - shift < low:
            held = int(stored.min()) - shift
            raise Unsupported(f"{proto.name}: weights hold the code {held}; TFLite's begin at {low}")
        shape = [-1 if place == codes.axis else 1 for place in range(stored.ndim)]
        zero, scale = (np.array(each, np.float32).reshape(shape) for each in (codes.zero_point, codes.scale))
        values = (stored.astype(np.float32) - np.float32(shift) - zero) * scale
        self.codes[output] = codes
        self._put(Wire(module, proto.name, proto.op_type, (), output), Weight(values, codes))


def _constant(proto: onnx.NodeProto) -> NDArray[Any]:
    value = proto.attribute[0]
    return np.asarray(numpy_helper.to_array(value.t) if value.name == "value" else get_attribute_value(value))
