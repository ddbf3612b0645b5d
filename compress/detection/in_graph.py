"""The decoder as a part of an ONNX graph: boxes beside the maps that they are read from.

The same steps as ``compress.detection.decode``, with ONNX's NonMaxSuppression, in float32. A file of one size only:
where places lie is written into it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from compress.detection.decode import CANDIDATES, MAX_OVERLAP, MIN_SCORE
from compress.metrics.detection import MOST_BOXES, Boxes

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray

    from compress.records import BoxMaps

OBJECTS = "objects"
"""The output that holds boxes. Behind ``bright`` and ``maps`` in every order of names."""

COLUMNS = 6
"""Left, top, right, bottom in pixels, score, class."""

OBJECTS_READ = (
    "rows of left, top, right, bottom in pixels, score, class, the surest first; those with score 0 hold nothing. They "
    "are read from the maps as these say, inside of the graph"
)


def rows_of(layout: BoxMaps) -> int:
    """How many rows an answer has, most of them empty."""
    return MOST_BOXES * len(layout.classes)


def boxes_of(rows: NDArray[np.float32], height: int, width: int) -> Boxes:
    """The boxes in rows (R, 6) of a graph, ended at the edges of a picture of ``height`` x ``width``."""
    import numpy as np

    there = rows[rows[:, 4] > 0].astype(np.float64)
    corners = np.clip(there[:, :4], 0, (width, height, width, height))
    return Boxes(corners, np.rint(there[:, 5]).astype(np.int64), there[:, 4])


def with_objects(model: onnx.ModelProto, maps: str, layout: BoxMaps, size: tuple[int, int]) -> onnx.ModelProto:
    """A copy of ``model``, for pictures of ``size`` (height, width), that answers with ``objects`` as well.

    ``maps``: the output (1, L * (C + 5), h, w) that they are read from.
    """
    import onnx

    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    graph = _Graph()
    _decoder(graph, maps, layout, size)
    whole.graph.node.extend(graph.nodes)
    whole.graph.initializer.extend(graph.constants)
    shape = (1, rows_of(layout), COLUMNS)
    whole.graph.output.append(onnx.helper.make_tensor_value_info(OBJECTS, onnx.TensorProto.FLOAT, shape))
    onnx.checker.check_model(whole, full_check=True)
    return whole


@dataclass
class _Graph:
    """Nodes and constants to be added, each named ``objects/...``."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def put(self, value: Any, kind: str = "float32") -> str:
        """A constant."""
        import numpy as np
        from onnx import numpy_helper

        name = f"{OBJECTS}/constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(self, operator: str, *inputs: str, **attributes: int) -> str:
        """A node with one output, whose name is given back."""
        return self.several(operator, 1, *inputs, **attributes)[0]

    def several(self, operator: str, outputs: int, *inputs: str, **attributes: int) -> list[str]:
        """A node with so many outputs."""
        import onnx

        name = f"{OBJECTS}/{operator}{len(self.nodes)}"
        made = [f"{name}:{place}" for place in range(outputs)]
        self.nodes.append(onnx.helper.make_node(operator, list(inputs), made, name=name, **attributes))
        return made

    def part(self, value: str, axis: int, start: int, end: int, step: int = 1) -> str:
        """A slice along one axis."""
        return self.add("Slice", value, *(self.put([each], "int64") for each in (start, end, axis, step)))

    def shaped(self, value: str, *shape: int) -> str:
        return self.add("Reshape", value, self.put(shape, "int64"))


def _decoder(graph: _Graph, maps: str, layout: BoxMaps, size: tuple[int, int]) -> None:
    classes = len(layout.classes)
    found, places = _places(graph, maps, layout, size)
    logits, distances, centre = (
        graph.part(found, 0, *ends) for ends in ((0, classes), (classes, classes + 4), (classes + 4, classes + 5))
    )
    scores = graph.add("Sqrt", graph.add("Mul", graph.add("Sigmoid", logits), graph.add("Sigmoid", centre)))
    corners = _corners(graph, distances, layout, size)  # (P, 4)
    kept = min(CANDIDATES, places)
    surest, chosen = graph.several("TopK", 2, scores, graph.put([kept], "int64"), axis=1)  # (C, K)
    near = graph.add("Gather", corners, chosen, axis=0)  # (C, K, 4): a class is what a batch is to the operator
    limits = graph.put([MOST_BOXES], "int64"), graph.put([MAX_OVERLAP]), graph.put([MIN_SCORE])
    left = graph.add("NonMaxSuppression", near, graph.shaped(surest, classes, 1, kept), *limits)  # (n, 3)
    label, place = (graph.shaped(graph.part(left, 1, column, column + 1), -1) for column in (0, 2))
    flat = graph.add("Add", graph.add("Mul", label, graph.put(kept, "int64")), place)
    columns = (
        graph.add("Gather", graph.shaped(near, -1, 4), flat, axis=0),
        graph.shaped(graph.add("Gather", graph.shaped(surest, -1), flat, axis=0), -1, 1),
        graph.shaped(graph.add("Cast", label, to=1), -1, 1),
    )
    _ordered(graph, graph.add("Concat", *columns, axis=1), rows_of(layout))


def _places(graph: _Graph, maps: str, layout: BoxMaps, size: tuple[int, int]) -> tuple[str, int]:
    """What all places of all levels say, (C + 5, P), and P."""
    channels, count, parts = len(layout.classes) + 5, 0, []
    for number, stride in enumerate(layout.strides):
        part = graph.part(maps, 1, number * channels, (number + 1) * channels)
        step = stride // layout.strides[0]
        for axis in (2, 3) if step > 1 else ():
            part = graph.part(part, axis, 0, 2**31 - 1, step)
        here = (size[0] // stride) * (size[1] // stride)
        parts.append(graph.shaped(part, channels, here))
        count += here
    return graph.add("Concat", *parts, axis=1), count


def _corners(graph: _Graph, distances: str, layout: BoxMaps, size: tuple[int, int]) -> str:
    """Left, top, right and bottom of all places, (P, 4), inside of the picture."""
    import numpy as np

    centres, strides = [], []
    for stride in layout.strides:
        rows, columns = np.mgrid[: size[0] // stride, : size[1] // stride]
        x, y = (((side + 0.5) * stride).reshape(-1) for side in (columns, rows))
        centres.append(np.stack((x, y, x, y)))
        strides.append(np.full((4, x.size), stride) * np.array([[-1], [-1], [1], [1]]))
    reach = graph.add("Mul", graph.add("Relu", distances), graph.put(np.concatenate(strides, 1)))
    there = graph.add("Add", graph.put(np.concatenate(centres, 1)), reach)
    most = graph.put([[size[1]], [size[0]], [size[1]], [size[0]]])
    inside = graph.add("Min", graph.add("Relu", there), most)
    return graph.add("Transpose", inside)


def _ordered(graph: _Graph, found: str, rows: int) -> None:
    """The surest ``rows`` of (n, 6), empty ones behind them, as the output (1, rows, 6)."""
    import numpy as np

    filled = graph.add("Concat", found, graph.put(np.zeros((rows, COLUMNS))), axis=0)
    scores = graph.shaped(graph.part(filled, 1, 4, 5), -1)
    _, order = graph.several("TopK", 2, scores, graph.put([rows], "int64"), axis=0)
    last = graph.shaped(graph.add("Gather", filled, order, axis=0), 1, rows, COLUMNS)
    graph.nodes[-1].output[0] = OBJECTS
    assert last != OBJECTS
