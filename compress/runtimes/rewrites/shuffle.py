"""PixelShuffle and PixelUnshuffle as fixed convolutions of ones and zeros: each output is one input, unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compress.runtimes.rewrites.graph import Attributes, Graph, Patch, attribute_of
from compress.runtimes.rewrites.limits import Limits
from compress.runtimes.rewrites.resize import repeated

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray


def depth_to_space(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """ConvTranspose in groups (an output channel reads only its own block), then whole, then without ConvTranspose."""
    shape = graph.picture(node.input[0])
    if shape is None:
        return
    kernel = _shuffle_kernel(shape[1], attribute_of(node, "blocksize", 1), attribute_of(node, "mode", "DCR"))
    _, channels, side, _ = kernel.shape
    strides: Attributes = {"strides": [side, side], "kernel_shape": [side, side]}
    if attribute_of(node, "mode", "DCR") == "CRD":  # there, a block's channels stand side by side
        patch = Patch(node, f"ConvTranspose in {channels} groups", "bits")
        own = patch.kernel(graph, kernel.sum(axis=1, keepdims=True))
        yield patch.last("ConvTranspose", [node.input[0], own], {**strides, "group": channels})
    patch = Patch(node, "ConvTranspose", "bits")
    yield patch.last("ConvTranspose", [node.input[0], patch.kernel(graph, kernel)], strides)
    yield _masked(graph, node, kernel, shape)


def _shuffle_kernel(depth: int, side: int, mode: str) -> NDArray[np.float32]:
    """(depth, depth / side**2, side, side): the place in the block to which each channel goes."""
    import numpy as np

    channels = depth // (side * side)
    kernel = np.zeros((depth, channels, side, side), np.float32)
    for channel in range(depth):
        if mode == "CRD":
            out, place = divmod(channel, side * side)
        else:
            place, out = divmod(channel, channels)
        kernel[channel, out, place // side, place % side] = 1.0
    return kernel


def _masked(graph: Graph, node: onnx.NodeProto, kernel: NDArray[np.float32], shape: tuple[int, ...]) -> Patch:
    """Every channel repeated over its block, masked row by row and column by column, then summed by a 1x1 Conv."""
    import numpy as np

    patch = Patch(node, "nearest Resize, two masks and a 1x1 Conv", "bits")
    depth, channels, side, _ = kernel.shape
    large = repeated(patch, node.input[0], (side, side))
    rows, columns = kernel.sum(axis=(1, 3)), kernel.sum(axis=(1, 2))  # (depth, side): where in the block it goes
    by_row = np.tile(rows, shape[2]).reshape(1, depth, side * shape[2], 1)
    by_column = np.tile(columns, shape[3]).reshape(1, depth, 1, side * shape[3])
    masked = patch.add("Mul", [patch.add("Mul", [large, patch.store(by_row)]), patch.store(by_column)])
    weights = kernel.sum(axis=(2, 3)).T.reshape(channels, depth, 1, 1)
    return patch.last("Conv", [masked, patch.store(weights)], {"kernel_shape": [1, 1]})


def space_to_depth(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """A strided Conv. ONNX orders the channels block place first (DCR)."""
    shape = graph.picture(node.input[0])
    if shape is None:
        return
    side = int(attribute_of(node, "blocksize", 1))
    weights = _shuffle_kernel(shape[1] * side * side, side, "DCR")
    patch = Patch(node, "strided Conv", "bits")
    attributes: Attributes = {"strides": [side, side], "kernel_shape": [side, side]}
    yield patch.last("Conv", [node.input[0], patch.kernel(graph, weights)], attributes)
