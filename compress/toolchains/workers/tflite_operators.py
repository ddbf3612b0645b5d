"""ONNX operators as torch functions: what ``tflite_graph`` can put into a TFLite file.

An entry takes a node and gives ``(run, consumed)``: a function of tensors and the places of those inputs
that are tensors to it. Inputs that ONNX passes as tensors but that are settings (axes, pads) are read here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

Run = Callable[..., Tensor]
Entry = Callable[["Node"], tuple[Run, tuple[int, ...]]]


class Unsupported(Exception):
    """What this worker refuses, in one line: node, operator, and the way out if there is one."""


@dataclass(frozen=True)
class Node:
    """``inputs`` holds the constants among its inputs and None for the others."""

    kind: str
    name: str
    attributes: dict[str, Any]
    inputs: list[NDArray[Any] | None]

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute; text as str."""
        value = self.attributes.get(name, default)
        return value.decode() if isinstance(value, bytes) else value

    def setting(self, place: int, name: str = "", default: Any = None) -> Any:
        """A setting that newer opsets pass as input ``place`` and older ones as the attribute ``name``."""
        if len(self.inputs) > place and self.inputs[place] is not None:
            return self.inputs[place].tolist()  # type: ignore[union-attr]
        return self.get(name, default)

    def refuse(self, why: str) -> Unsupported:
        return Unsupported(f"{self.name}: operator {self.kind}, {why}")


def _pads(node: Node) -> tuple[list[int], list[int]]:
    """Pads before and after, for height and width."""
    if node.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise node.refuse(f"auto_pad {node.get('auto_pad')}: write the pads into the file")
    pads = node.get("pads", [0, 0, 0, 0])
    if len(pads) != 4:
        raise node.refuse("only pictures (4 dimensions) are taken")
    return list(pads[:2]), list(pads[2:])


def _padded(node: Node, run: Callable[[Tensor, list[int]], Tensor]) -> Callable[[Tensor], Tensor]:
    """``run(x, padding)`` where uneven pads come first as zeros."""
    before, after = _pads(node)
    if before == after:
        return lambda x: run(x, before)
    return lambda x: run(F.pad(x, (before[1], after[1], before[0], after[0])), [0, 0])


def _conv(node: Node) -> tuple[Run, tuple[int, ...]]:
    stride, dilation = node.get("strides", [1, 1]), node.get("dilations", [1, 1])
    groups = node.get("group", 1)

    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return _padded(node, lambda v, pad: F.conv2d(v, weight, bias, stride, pad, dilation, groups))(x)

    return run, (0, 1, 2)


def _conv_transpose(node: Node) -> tuple[Run, tuple[int, ...]]:
    stride, dilation = node.get("strides", [1, 1]), node.get("dilations", [1, 1])
    before, after = _pads(node)
    if before != after or any(node.get("output_padding", [0, 0])) or node.get("output_shape"):
        raise node.refuse("uneven pads and output_padding are not converted; use kernel 2 and stride 2, or 4 and 2")

    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.conv_transpose2d(x, weight, bias, stride, before, 0, node.get("group", 1), dilation)

    return run, (0, 1, 2)


def _pool(node: Node) -> tuple[Run, tuple[int, ...]]:
    kernel, stride = node.get("kernel_shape"), node.get("strides", [1, 1])
    before, after = _pads(node)
    if before != after or node.get("ceil_mode", 0) or node.get("dilations", [1, 1]) != [1, 1]:
        raise node.refuse("uneven pads, ceil_mode and dilations are not taken")
    if node.kind == "MaxPool":
        return lambda x: F.max_pool2d(x, kernel, stride, before), (0,)
    count = bool(node.get("count_include_pad", 0))
    return lambda x: F.avg_pool2d(x, kernel, stride, before, count_include_pad=count), (0,)


def _reduce(node: Node) -> tuple[Run, tuple[int, ...]]:
    whole = node.kind.startswith("Global")
    axes = [2, 3] if whole else node.setting(1, "axes")
    keep = whole or bool(node.get("keepdims", 1))
    if axes is None:
        raise node.refuse("over all axes; name them")
    mean = node.kind in ("ReduceMean", "GlobalAveragePool")
    return (lambda x: x.mean(axes, keepdim=keep)) if mean else (lambda x: x.amax(axes, keepdim=keep)), (0,)


def _resize(node: Node) -> tuple[Run, tuple[int, ...]]:
    mode, how = node.get("mode", "nearest"), node.get("coordinate_transformation_mode", "half_pixel")
    scales, sizes = node.setting(2), node.setting(3)
    size = None if sizes is None else sizes[2:]
    factor = None if scales is None or size is not None else scales[2:]
    if mode == "nearest" and how == "asymmetric" and node.get("nearest_mode", "round_prefer_floor") == "floor":
        return lambda x: F.interpolate(x, size, factor, "nearest"), (0,)
    if mode == "linear" and how in ("half_pixel", "pytorch_half_pixel", "align_corners"):
        corners = how == "align_corners"
        return lambda x: F.interpolate(x, size, factor, "bilinear", align_corners=corners), (0,)
    raise node.refuse(f"mode {mode} with {how} is not converted; use nearest (asymmetric, floor) or linear half_pixel")


def _depth_to_space(node: Node) -> tuple[Run, tuple[int, ...]]:
    r = node.get("blocksize")
    crd = node.get("mode", "DCR") == "CRD"

    def run(x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        colours = c // (r * r)
        x = x.permute(0, 2, 3, 1)
        if crd:
            return x.reshape(n, h, w, colours, r, r).permute(0, 3, 1, 4, 2, 5).reshape(n, colours, h * r, w * r)
        return x.reshape(n, h, w, r, r, colours).permute(0, 5, 1, 3, 2, 4).reshape(n, colours, h * r, w * r)

    return run, (0,)


def _space_to_depth(node: Node) -> tuple[Run, tuple[int, ...]]:
    r = node.get("blocksize")

    def run(x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        return x.reshape(n, c, h // r, r, w // r, r).permute(0, 3, 5, 1, 2, 4).reshape(n, c * r * r, h // r, w // r)

    return run, (0,)


def _clip(node: Node) -> tuple[Run, tuple[int, ...]]:
    low, high = node.setting(1, "min"), node.setting(2, "max")
    return lambda x: torch.clamp(x, low, high), (0,)


def _slice(node: Node) -> tuple[Run, tuple[int, ...]]:
    starts, ends = node.setting(1, "starts"), node.setting(2, "ends")
    axes, steps = node.setting(3, "axes"), node.setting(4)
    axes = list(range(len(starts))) if axes is None else axes
    if starts is None or ends is None:
        raise node.refuse("with limits that are computed; make them constants")
    if steps is not None and min(steps) < 1:
        raise node.refuse("with a negative step")

    def run(x: Tensor) -> Tensor:
        for i, axis in enumerate(axes):
            x = torch.ops.aten.slice(x, axis, starts[i], ends[i], 1 if steps is None else steps[i])
        return x

    return run, (0,)


def _pad(node: Node) -> tuple[Run, tuple[int, ...]]:
    pads, mode = node.setting(1, "pads"), node.get("mode", "constant")
    value = node.setting(2, "value", 0.0) or 0.0
    plane = pads is not None and len(pads) == 8 and not any(pads[i] for i in (0, 1, 4, 5))
    if not plane or mode not in ("constant", "reflect", "edge"):
        raise node.refuse("only constant pads of height and width are taken")
    sides = (pads[3], pads[7], pads[2], pads[6])
    if mode == "constant":
        return lambda x: F.pad(x, sides, value=value), (0,)
    return lambda x: F.pad(x, sides, mode="replicate" if mode == "edge" else "reflect"), (0,)


def _reshape(node: Node) -> tuple[Run, tuple[int, ...]]:
    shape = node.setting(1, "shape")
    if shape is None:
        raise node.refuse("with a computed shape; make it a constant")
    return lambda x: x.reshape([x.shape[i] if side == 0 else side for i, side in enumerate(shape)]), (0,)


def _pow(node: Node) -> tuple[Run, tuple[int, ...]]:
    exponent = node.setting(1)
    if not isinstance(exponent, float | int):
        raise node.refuse("with an exponent that is no single constant")
    return lambda x: torch.pow(x, float(exponent)), (0,)


def _gemm(node: Node) -> tuple[Run, tuple[int, ...]]:
    if node.get("alpha", 1.0) != 1 or node.get("beta", 1.0) != 1 or node.get("transA", 0):
        raise node.refuse("with alpha, beta or transA")

    def run(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return F.linear(x, weight if node.get("transB", 0) else weight.T, bias)

    return run, (0, 1, 2)


def _of(run: Run, count: int = 1) -> Entry:
    return lambda node: (run, tuple(range(count)))


ELEMENTWISE = ("Add", "Div", "Max", "Min", "Mul", "PRelu", "Sub")

OPERATORS: dict[str, Entry] = {
    "Abs": _of(torch.abs),
    "Add": _of(torch.add, 2),
    "AveragePool": _pool,
    "Clip": _clip,
    "Concat": lambda node: (lambda *x: torch.cat(x, dim=node.get("axis")), tuple(range(len(node.inputs)))),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "DepthToSpace": _depth_to_space,
    "Div": _of(torch.div, 2),
    "Exp": _of(torch.exp),
    "Flatten": lambda node: (lambda x: torch.flatten(x, node.get("axis", 1)), (0,)),
    "Gemm": _gemm,
    "GlobalAveragePool": _reduce,
    "GlobalMaxPool": _reduce,
    "HardSigmoid": lambda node: (
        lambda x: torch.clamp(x * node.get("alpha", 0.2) + node.get("beta", 0.5), 0.0, 1.0), (0,)
    ),
    "HardSwish": _of(F.hardswish),
    "LeakyRelu": lambda node: (lambda x: F.leaky_relu(x, node.get("alpha", 0.01)), (0,)),
    "Log": _of(torch.log),
    "MatMul": _of(torch.matmul, 2),
    "Max": _of(torch.maximum, 2),
    "MaxPool": _pool,
    "Min": _of(torch.minimum, 2),
    "Mul": _of(torch.mul, 2),
    "Neg": _of(torch.neg),
    "PRelu": _of(lambda x, slope: torch.clamp(x, min=0.0) + slope * torch.clamp(x, max=0.0), 2),
    "Pad": _pad,
    "Pow": _pow,
    "ReduceMax": _reduce,
    "ReduceMean": _reduce,
    "Relu": _of(F.relu),
    "Reshape": _reshape,
    "Resize": _resize,
    "Sigmoid": _of(torch.sigmoid),
    "Slice": _slice,
    "Softmax": lambda node: (lambda x: F.softmax(x, node.get("axis", -1)), (0,)),
    "SpaceToDepth": _space_to_depth,
    "Sqrt": _of(torch.sqrt),
    "Sub": _of(torch.sub, 2),
    "Tanh": _of(torch.tanh),
    "Transpose": lambda node: (lambda x: x.permute(node.get("perm")), (0,)),
}  # fmt: skip
