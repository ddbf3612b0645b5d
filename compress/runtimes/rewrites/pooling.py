"""Pooling over windows beyond a device's limit, in steps that together are the same window.

A side that no product of allowed windows divides is filled up: for a maximum with nothing at all, for a mean
with zeros, by a Conv of each channel whose weights make up for them. (Compilers differ in whether a pool's own
padding counts: RKNN-Toolkit2 2.5.0 gets it wrong on one side only, and fails on a Pad before a pool.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement
from math import prod
from typing import TYPE_CHECKING, Literal

from compress.runtimes.rewrites.graph import Attributes, Graph, Patch, attribute_of
from compress.runtimes.rewrites.limits import Limits, max_kernel

if TYPE_CHECKING:
    import onnx

Kind = Literal["AveragePool", "MaxPool"]
MOST_STEPS = 12
_KINDS: dict[str, Kind] = {
    "ReduceMean": "AveragePool", "GlobalAveragePool": "AveragePool",
    "ReduceMax": "MaxPool", "GlobalMaxPool": "MaxPool",
}  # fmt: skip


@cache
def steps(side: int, largest: int) -> tuple[int, ...]:
    """The fewest windows of at most ``largest`` whose product is at least ``side``, and least beyond it."""
    if side <= largest:
        return (side,)
    for count in range(2, MOST_STEPS + 1):
        if largest**count >= side:
            fits = (each for each in combinations_with_replacement(range(largest, 1, -1), count) if prod(each) >= side)
            return min(fits, key=lambda each: (prod(each), each))
    return ()


def whole_picture(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """Mean or maximum over height, width or both: by the global pool, or in steps."""
    shape = graph.picture(node.input[0])
    axes = _axes(graph, node)
    if shape is not None and axes == {1} and node.op_type == "ReduceMax":
        yield _largest_channel(graph, node, shape[1])
    if shape is None or not axes <= {2, 3} or not axes:
        return
    kind = _KINDS[node.op_type]
    keeps = attribute_of(node, "keepdims", 1) == 1
    if axes == {2, 3}:
        name = {"AveragePool": "GlobalAveragePool", "MaxPool": "GlobalMaxPool"}[kind]
        patch = Patch(node, name, "bits" if kind == "MaxPool" else "rounding")
        yield _finish(graph, patch, patch.add(name, [node.input[0]]), keeps)
    limit = max_kernel(kind, limits)
    largest = max(shape[2:]) if limit is None else limit
    sides = [shape[axis] if axis in axes else 1 for axis in (2, 3)]
    plan = _Steps.of(sides[0], sides[1], largest) if largest > 1 else None
    if plan is not None:
        patch = Patch(node, f"{kind} {plan}", "bits" if kind == "MaxPool" else "rounding")
        yield _finish(graph, patch, plan.write(patch, kind, node.input[0], shape[1]), keeps)


def total(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """A sum over some sides as their mean times their size."""
    import numpy as np

    shape, axes = graph.picture(node.input[0]), _axes(graph, node)
    if shape is None or not axes:
        return
    keeps = attribute_of(node, "keepdims", 1) == 1
    if axes == {2, 3}:
        patch = Patch(node, "GlobalAveragePool and Mul", "rounding")
        mean = patch.add("GlobalAveragePool", [node.input[0]])
        patch.add("Mul", [mean, patch.number(shape[2] * shape[3])])
        yield _finish(graph, patch, patch.nodes[-1].output[0], keeps)
    patch = Patch(node, "ReduceMean and Mul", "rounding")
    mean = patch.add("ReduceMean", list(node.input))
    patch.nodes[-1].attribute.extend(node.attribute)
    if len(node.input) > 1 and graph.opset < 18:  # ReduceSum takes its axes as an input five opsets earlier
        patch.nodes[-1].input.pop()
        patch.nodes[-1].attribute.append(_axes_attribute(axes))
    count = np.asarray(prod(shape[axis] for axis in axes), np.float32)
    yield patch.last("Mul", [mean, patch.store(count)])


def _axes_attribute(axes: set[int]) -> onnx.AttributeProto:
    from onnx import helper

    return helper.make_attribute("axes", sorted(axes))


def _largest_channel(graph: Graph, node: onnx.NodeProto, channels: int) -> Patch:
    """Maximum over channels: halves against each other, until one is left."""
    import numpy as np

    patch = Patch(node, "Max of Slices", "bits")
    tensor = node.input[0]
    while channels > 1:
        half = (channels + 1) // 2  # the middle one of an odd number meets itself
        parts = []
        for begin in (0, channels - half):
            bounds = ([begin], [begin + half], [1])
            parts.append(patch.add("Slice", [tensor, *(patch.store(np.asarray(each, np.int64)) for each in bounds)]))
        tensor, channels = patch.add("Max", parts), half
    if not patch.nodes:
        tensor = patch.add("Identity", [tensor])
    return _finish(graph, patch, tensor, attribute_of(node, "keepdims", 1) == 1)


@dataclass(frozen=True)
class _Steps:
    """Windows for a (height, width), one pair a step."""

    height: int
    width: int
    windows: tuple[tuple[int, int], ...]

    @staticmethod
    def of(height: int, width: int, largest: int) -> _Steps | None:
        rows, columns = steps(height, largest), steps(width, largest)
        if not rows or not columns:
            return None
        count = max(len(rows), len(columns))
        filled = ((*each, *[1] * (count - len(each))) for each in (rows, columns))
        return _Steps(height, width, tuple(zip(*filled, strict=True)))

    def __str__(self) -> str:
        return ", ".join(f"{height}x{width}" for height, width in self.windows)

    def write(self, patch: Patch, kind: Kind, tensor: str, channels: int) -> str:
        """The steps as nodes; gives the name of the (N, C, 1, 1) result."""
        import numpy as np

        missing = prod(height * width for height, width in self.windows) / (self.height * self.width)
        sides = [self.height, self.width]
        for window in self.windows:
            left = [-(-side // each) for side, each in zip(sides, window, strict=True)]
            fill = [n * each - side for n, each, side in zip(left, window, sides, strict=True)]
            attributes: Attributes = {"kernel_shape": list(window), "strides": list(window)}
            if any(fill):
                attributes["pads"] = [0, 0, *fill]
            if any(fill) and kind == "AveragePool":
                weights = np.full((channels, 1, *window), missing / prod(window), np.float32)
                attributes["group"], missing = channels, 1.0
                tensor = patch.add("Conv", [tensor, patch.store(weights)], attributes)
            else:
                tensor = patch.add(kind, [tensor], attributes)
            sides = left
        return tensor


def _axes(graph: Graph, node: onnx.NodeProto) -> set[int]:
    if node.op_type.startswith("Global"):
        return {2, 3}
    given = graph.argument(node, 1, "axes")
    return set() if given is None else {int(axis) % 4 for axis in given.flat}


def _finish(graph: Graph, patch: Patch, tensor: str, keeps: bool) -> Patch:
    """Give the last node the replaced node's output; without its dimensions of 1 where it dropped them."""
    import numpy as np

    if not keeps:
        shape = np.asarray(graph.shape(patch.node.output[0]), np.int64)
        return patch.last("Reshape", [tensor, patch.store(shape)])
    patch.nodes[-1].output[0] = patch.node.output[0]
    return patch


def window(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """A large AveragePool or MaxPool as several: side by side windows factor, overlapping maxima add up."""
    kind: Kind = node.op_type
    limit = max_kernel(kind, limits)
    sides = tuple(attribute_of(node, "kernel_shape", ()))
    strides = tuple(attribute_of(node, "strides", [1] * len(sides)))
    pads = tuple(attribute_of(node, "pads", [0] * 4))
    plain = attribute_of(node, "ceil_mode", 0) == 0 and attribute_of(node, "auto_pad", "NOTSET") == "NOTSET"
    dilated = any(each != 1 for each in attribute_of(node, "dilations", []))
    if not plain or dilated or len(sides) != 2 or len(node.output) != 1 or limit is None or limit < 2:
        return
    plan = _Steps.of(sides[0], sides[1], limit)
    divides = plan is not None and prod(h * w for h, w in plan.windows) == sides[0] * sides[1]
    if plan is not None and divides and strides == sides and not any(pads):
        patch = Patch(node, f"{kind} {plan}", "bits" if kind == "MaxPool" else "rounding")
        tensor = node.input[0]
        for each in plan.windows:
            tensor = patch.add(kind, [tensor], {"kernel_shape": list(each), "strides": list(each)})
        patch.nodes[-1].output[0] = node.output[0]
        yield patch
    elif kind == "MaxPool":
        yield from _overlapping(node, sides, strides, pads, limit)


def _overlapping(
    node: onnx.NodeProto, sides: tuple[int, ...], strides: tuple[int, ...], pads: tuple[int, ...], limit: int
) -> Iterator[Patch]:
    """Maxima of stride 1 one after the other: windows a and b together see a + b - 1. The last one strides."""
    windows = []
    rest = list(sides)
    while any(side > 1 for side in rest):
        take = [min(side, limit) for side in rest]
        windows.append(take)
        rest = [side - each + 1 for side, each in zip(rest, take, strict=True)]
    if any(pad >= windows[0][axis % 2] for axis, pad in enumerate(pads)):
        return  # the first window would lie outside the picture
    patch = Patch(node, f"{len(windows)} MaxPool in a row", "bits")
    tensor = node.input[0]
    for place, each in enumerate(windows):
        attributes: Attributes = {"kernel_shape": each}
        attributes["strides"] = list(strides) if place == len(windows) - 1 else [1, 1]
        attributes["pads"] = list(pads) if place == 0 else [0] * 4
        tensor = patch.add("MaxPool", [tensor], attributes)
    patch.nodes[-1].output[0] = node.output[0]
    yield patch
