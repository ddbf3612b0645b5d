"""PRelu, Min and one over x with the operators that every device has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from compress.runtimes.rewrites.graph import Graph, Patch
from compress.runtimes.rewrites.limits import Limits
from compress.runtimes.rewrites.power import value_range

if TYPE_CHECKING:
    import onnx


def prelu(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """LeakyRelu where all slopes are one; else ``relu(x) + slope * (x - relu(x))``.

    One of the two summands is zero at every place, so nothing is rounded that PRelu does not round.
    """
    x, slope = node.input
    values = graph.constant(slope)
    if values is not None and values.size and (values == values.flat[0]).all():
        yield Patch(node, "LeakyRelu", "bits").last("LeakyRelu", [x], {"alpha": float(values.flat[0])})
    patch = Patch(node, "Relu, Sub, Mul and Add", "bits")
    above = patch.add("Relu", [x])
    below = patch.add("Mul", [patch.add("Sub", [x, above]), slope])
    yield patch.last("Add", [above, below])


def minimum(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """Clip where one side is one constant number; else the negative of the maximum of the negatives."""
    if len(node.input) != 2:
        return
    import numpy as np

    for x, bound in ((node.input[0], node.input[1]), (node.input[1], node.input[0])):
        values = graph.constant(bound)
        if values is not None and values.size == 1 and graph.shape(x) == graph.shape(node.output[0]):
            patch = Patch(node, "Clip", "bits")
            yield patch.last("Clip", [x, "", patch.store(values.reshape(()))])
    patch = Patch(node, "Max of negatives", "bits")
    turn = patch.store(np.asarray(-1, np.float32))
    turned = [patch.add("Mul", [each, turn]) for each in node.input]
    yield patch.last("Mul", [patch.add("Max", turned), turn])


def reciprocal(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """One divided by it; of what is not negative also the square of its power -1/2."""
    import numpy as np

    patch = Patch(node, "Div", "bits")
    yield patch.last("Div", [patch.store(np.asarray(1, np.float32)), node.input[0]])
    yield from _inverse_root(graph, node, node.input[0], None)


def one_over(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """A constant divided by what is not negative: the constant times the square of the power -1/2."""
    if graph.constant(node.input[0]) is not None:
        yield from _inverse_root(graph, node, node.input[1], node.input[0])


def _inverse_root(graph: Graph, node: onnx.NodeProto, x: str, factor: str | None) -> Iterator[Patch]:
    import numpy as np

    if value_range(graph, x)[0] < 0:
        return
    patch = Patch(node, "Pow -0.5 and Mul", "rounding")
    root = patch.add("Pow", [x, patch.store(np.asarray(-0.5, np.float32))])
    inverse = patch.add("Mul", [root, root])
    if factor is not None:
        patch.add("Mul", [factor, inverse])
    patch.nodes[-1].output[0] = node.output[0]
    yield patch
