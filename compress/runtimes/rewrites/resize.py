"""Resizing by whole factors as fixed convolutions of each channel.

Enlarging by n is a ConvTranspose whose kernel is the filter sampled at its places (half-pixel centres); at the
border the picture's edge is repeated, by Pad or, for a linear filter, by dividing out the missing share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from compress.runtimes.rewrites.graph import Attributes, Graph, Patch, attribute_of
from compress.runtimes.rewrites.limits import Limits, enlargement, factors

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

MOST_STEPS = 4


def resize(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """What can be said of a Resize with the other operators, for whole factors and half-pixel centres."""
    shape, by = graph.picture(node.input[0]), enlargement(graph, node)
    if shape is None or by is None or attribute_of(node, "antialias", 0) or len(node.output) != 1:
        return
    mode = str(attribute_of(node, "mode", "nearest"))
    centres = str(attribute_of(node, "coordinate_transformation_mode", "half_pixel"))
    half = centres == "half_pixel" or centres == "pytorch_half_pixel" and min(graph.shape(node.output[0])[2:]) > 1
    whole = tuple(round(each) for each in by)
    if whole == by and min(whole) >= 1:
        if mode == "nearest" and _repeats(node, half, centres):
            yield from _nearest(node, shape[1], whole, limits)
        elif mode == "linear" and half:
            yield from _linear(node, _Up(shape, whole, "linear"))
        elif mode == "cubic" and half and not attribute_of(node, "exclude_outside", 0):
            yield _padded(node, _Up(shape, whole, "cubic", attribute_of(node, "cubic_coeff_a", -0.75)))
    out = graph.shape(node.output[0])
    shrinks = tuple(shape[axis] // out[axis] for axis in (2, 3))
    divides = all(out[axis] * each == shape[axis] for axis, each in zip((2, 3), shrinks, strict=True))
    if mode == "linear" and half and divides and max(shrinks) > 1:
        yield _shrunk(node, shape, shrinks)


def _repeats(node: onnx.NodeProto, half: bool, centres: str) -> bool:
    """Whether this nearest Resize gives every pixel factor times: other roundings shift it."""
    rounding = attribute_of(node, "nearest_mode", "round_prefer_floor")
    return centres == "asymmetric" and rounding == "floor" or half and rounding.startswith("round_prefer")


def _nearest(node: onnx.NodeProto, channels: int, by: tuple[int, ...], limits: Limits) -> Iterator[Patch]:
    """In steps of factors that the device has, then as a ConvTranspose of ones."""
    import numpy as np

    steps = [_split(factor, factors(limits) or ()) for factor in by]
    if all(steps) and max(len(each) for each in steps) > 1:
        patch = Patch(node, "nearest Resize in steps", "bits")
        tensor = node.input[0]
        for place in range(max(len(each) for each in steps)):
            scale = tuple(each[place] if place < len(each) else 1 for each in steps)
            tensor = repeated(patch, tensor, scale)
        patch.nodes[-1].output[0] = node.output[0]
        yield patch
    patch = Patch(node, f"ConvTranspose in {channels} groups", "bits")
    kernel = patch.store(np.ones((channels, 1, *by), np.float32))
    attributes: Attributes = {"strides": list(by), "kernel_shape": list(by), "group": channels}
    yield patch.last("ConvTranspose", [node.input[0], kernel], attributes)


def _split(factor: int, allowed: tuple[int, ...]) -> tuple[int, ...]:
    """The fewest allowed factors whose product is ``factor``; empty where there are none."""
    from itertools import combinations_with_replacement

    if factor == 1:
        return (1,)
    for count in range(1, MOST_STEPS + 1):
        for each in combinations_with_replacement(sorted(set(allowed) - {1}, reverse=True), count):
            if prod(each) == factor:
                return each
    return ()


def repeated(patch: Patch, tensor: str, by: tuple[int, ...]) -> str:
    """Append a Resize that gives every pixel ``by`` (rows, columns) times."""
    import numpy as np

    scales = patch.store(np.asarray([1, 1, *by], np.float32))
    how: Attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return patch.add("Resize", [tensor, "", scales], how)


@dataclass(frozen=True)
class _Up:
    """A filter that enlarges (1, C, H, W) by whole factors."""

    shape: tuple[int, int, int, int]
    by: tuple[int, ...]
    mode: str
    sharpness: float = 0.0

    @property
    def reach(self) -> int:
        """How many pixels beyond the edge the filter wants."""
        return 1 if self.mode == "linear" else 2

    def kernel(self, axis: int) -> NDArray[np.float64]:
        """Weights of one input pixel on the outputs around it."""
        import numpy as np

        factor = self.by[axis]
        half = self.offset(axis)
        places = np.arange(2 * half + factor)
        away = np.abs(places - half + 0.5 - factor / 2) / factor
        return np.maximum(0.0, 1.0 - away) if self.mode == "linear" else _cubic(away, self.sharpness)

    def offset(self, axis: int) -> int:
        """How many outputs before its own first one a pixel touches."""
        whole = self.reach * self.by[axis]
        return (2 * whole - self.by[axis]) // 2

    def weights(self) -> NDArray[np.float32]:
        """(C, 1, height, width): the same kernel for every channel."""
        import numpy as np

        both = np.outer(self.kernel(0), self.kernel(1)).astype(np.float32)
        return np.broadcast_to(both, (self.shape[1], 1, *both.shape))

    def border(self) -> NDArray[np.float32]:
        """(1, 1, H * n, W * n): one over the share of the filter that lies inside the picture."""
        import numpy as np

        shares = []
        for axis in (0, 1):
            side, factor, offset = self.shape[2 + axis], self.by[axis], self.offset(axis)
            line = np.zeros(side * factor + 2 * offset)
            for place in range(side):
                line[place * factor : place * factor + 2 * offset + factor] += self.kernel(axis)
            shares.append(line[offset : offset + side * factor])
        return (1.0 / np.outer(*shares)).astype(np.float32)[None, None]

    def attributes(self, cut: int) -> Attributes:
        """Of the ConvTranspose; ``cut``: input pixels to drop on each side."""
        import numpy as np

        pads = [self.offset(axis) + cut * self.by[axis] for axis in (0, 1)]
        sides = [int(np.size(self.kernel(axis))) for axis in (0, 1)]
        return {"group": self.shape[1], "strides": list(self.by), "kernel_shape": sides, "pads": pads * 2}


def _cubic(away: NDArray[np.float64], a: float) -> NDArray[np.float64]:
    """The cubic convolution filter (Keys 1981) at these distances."""
    import numpy as np

    near = ((a + 2) * away - (a + 3)) * away * away + 1
    far = ((a * away - 5 * a) * away + 8 * a) * away - 4 * a
    return np.where(away <= 1, near, np.where(away < 2, far, 0.0))


def _padded(node: onnx.NodeProto, up: _Up) -> Patch:
    patch = Patch(node, f"Pad by the edge and ConvTranspose in {up.shape[1]} groups", "rounding")
    edged = _pad_edge(patch, node.input[0], [up.reach, up.reach])
    return patch.last("ConvTranspose", [edged, patch.store(up.weights())], up.attributes(up.reach))


def _pad_edge(patch: Patch, tensor: str, by: list[int]) -> str:
    import numpy as np

    pads = patch.store(np.asarray([0, 0, *by, 0, 0, *by], np.int64))
    return patch.add("Pad", [tensor, pads], {"mode": "edge"})


def _linear(node: onnx.NodeProto, up: _Up) -> Iterator[Patch]:
    yield _padded(node, up)
    patch = Patch(node, f"ConvTranspose in {up.shape[1]} groups and Mul at the border", "rounding")
    large = patch.add("ConvTranspose", [node.input[0], patch.store(up.weights())], up.attributes(0))
    yield patch.last("Mul", [large, patch.store(up.border())])
    yield _smoothed(node, up)


def _smoothed(node: onnx.NodeProto, up: _Up) -> Patch:
    """Nearest, then a mean over the factor: a box on a box is the linear filter's triangle."""
    import numpy as np

    patch = Patch(node, f"nearest Resize, Pad by the edge and Conv in {up.shape[1]} groups", "rounding")
    boxes = []
    for factor in up.by:
        box = np.ones(factor + 1 - factor % 2) / factor
        if factor % 2 == 0:
            box[[0, -1]] /= 2
        boxes.append(box)
    large = repeated(patch, node.input[0], up.by)
    edged = _pad_edge(patch, large, [len(box) // 2 for box in boxes])
    both = np.outer(*boxes).astype(np.float32)
    kernel = patch.store(np.broadcast_to(both, (up.shape[1], 1, *both.shape)))
    return patch.last("Conv", [edged, kernel], {"group": up.shape[1], "kernel_shape": list(both.shape)})


def _shrunk(node: onnx.NodeProto, shape: tuple[int, ...], by: tuple[int, ...]) -> Patch:
    """One pixel of ``by``: the mean of the two in the middle, or the middle one."""
    import numpy as np

    patch = Patch(node, f"strided Conv in {shape[1]} groups", "rounding")
    lines = []
    for factor in by:
        line = np.zeros(factor)
        line[(factor - 1) // 2 : factor // 2 + 1] = 1.0
        lines.append(line / line.sum())
    both = np.outer(*lines).astype(np.float32)
    kernel = patch.store(np.broadcast_to(both, (shape[1], 1, *both.shape)))
    attributes: Attributes = {"group": shape[1], "strides": list(by), "kernel_shape": list(by)}
    return patch.last("Conv", [node.input[0], kernel], attributes)
