"""Taking channels or pixels out of a picture (Slice, Split, Gather) as fixed convolutions and pools."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compress.runtimes.rewrites.graph import Attributes, Graph, Patch, attribute_of
from compress.runtimes.rewrites.limits import Limits

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray


def slices(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """A Slice of channels as a 1x1 Conv; one with steps over the picture as a plain Slice and a pool of one pixel."""
    shape = graph.picture(node.input[0])
    cut = _cut(graph, node)
    if shape is None or cut is None:
        return
    if all(cut[axis] == slice(0, shape[axis], 1) for axis in (0, 2, 3)):
        yield _chosen(graph, node, list(range(shape[1]))[cut[1]], shape[1], node.output[0])
    if cut[0].step == cut[1].step == 1 and (cut[2].step, cut[3].step) != (1, 1):
        yield _strided(node, shape, cut)


def _cut(graph: Graph, node: onnx.NodeProto) -> list[slice] | None:
    """The Slice as one forward slice an axis; None where it is not constant or runs backwards."""
    import numpy as np

    shape = graph.shape(node.input[0])
    starts, ends = graph.argument(node, 1, "starts"), graph.argument(node, 2, "ends")
    axes, steps = graph.argument(node, 3, "axes"), graph.argument(node, 4, "steps")
    if starts is None or ends is None or (steps is None and len(node.input) > 4 and node.input[4]):
        return None
    cut = [slice(0, side, 1) for side in shape]
    ones = np.ones(starts.size, np.int64)
    for axis, start, end, step in zip(
        np.arange(starts.size) if axes is None else axes.flat, starts.flat, ends.flat,
        (ones if steps is None else steps).flat, strict=True,
    ):  # fmt: skip
        if step < 1:
            return None
        begin, stop, pace = slice(int(start), int(end), int(step)).indices(shape[axis])
        cut[axis] = slice(begin, stop, pace)
    return cut


def _chosen(graph: Graph, node: onnx.NodeProto, channels: list[int], of: int, output: str) -> Patch:
    patch = Patch(node, "1x1 Conv", "bits")
    _add_choice(graph, patch, channels, of, output)
    return patch


def _add_choice(graph: Graph, patch: Patch, channels: list[int], of: int, output: str) -> None:
    kernel = patch.kernel(graph, _choice(channels, of), output)
    patch.add("Conv", [patch.node.input[0], kernel], {"kernel_shape": [1, 1]}, output)


def _choice(channels: list[int], of: int) -> NDArray[np.float32]:
    import numpy as np

    return np.eye(of, dtype=np.float32)[channels][:, :, None, None]


def _strided(node: onnx.NodeProto, shape: tuple[int, ...], cut: list[slice]) -> Patch:
    import numpy as np

    patch = Patch(node, "Slice and MaxPool of one pixel", "bits")
    tensor = node.input[0]
    axes = [axis for axis in range(4) if (cut[axis].start, cut[axis].stop) != (0, shape[axis])]
    if axes:
        given = ([cut[axis].start for axis in axes], [cut[axis].stop for axis in axes], axes)
        tensor = patch.add("Slice", [tensor, *(patch.store(np.asarray(each, np.int64)) for each in given)])
    attributes: Attributes = {"kernel_shape": [1, 1], "strides": [cut[2].step, cut[3].step]}
    return patch.last("MaxPool", [tensor], attributes)


def split(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """One Slice for each part; of channels also one 1x1 Conv for each."""
    import numpy as np

    shape = graph.picture(node.input[0])
    axis = attribute_of(node, "axis", 0) % 4
    parts = [graph.shape(name) for name in node.output]
    if shape is None or not all(len(part) == 4 and all(part) for part in parts):
        return
    bounds = [0, *np.cumsum([part[axis] for part in parts]).tolist()]
    patch = Patch(node, f"{len(parts)} Slice", "bits")
    for output, begin, end in zip(node.output, bounds, bounds[1:], strict=False):
        given = (patch.store(np.asarray([each], np.int64)) for each in (begin, end, axis))
        patch.add("Slice", [node.input[0], *given], None, output)
    yield patch
    if axis == 1:
        patch = Patch(node, f"{len(parts)} Conv of 1x1", "bits")
        for output, begin, end in zip(node.output, bounds, bounds[1:], strict=False):
            _add_choice(graph, patch, list(range(begin, end)), shape[1], output)
        yield patch


def gather(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """Constant channel numbers as a 1x1 Conv."""
    shape, places = graph.picture(node.input[0]), graph.constant(node.input[1])
    if shape is None or places is None or places.ndim != 1 or attribute_of(node, "axis", 0) % 4 != 1:
        return
    channels = [int(place) % shape[1] for place in places]
    yield _chosen(graph, node, channels, shape[1], node.output[0])
