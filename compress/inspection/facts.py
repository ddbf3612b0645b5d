"""The facts of an ONNX graph: borders, parameters, MACs, operators, what targets lack, where INT8 may hurt."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from compress.inspection.conventions import Counted
from compress.inspection.int8 import int8_reason
from compress.operators import OperatorLimit
from compress.records import Record
from compress.runtimes.rewrites import forms
from compress.runtimes.rewrites.graph import Graph, attribute_of
from compress.runtimes.rewrites.limits import complaint

if TYPE_CHECKING:
    import onnx


class Border(Record):
    """An input or output; 0 is a free side."""

    name: str
    shape: tuple[int, ...]


class Lack(Record):
    """An operator that a target does not take, how often, and what becomes of it."""

    target: str
    operator: str
    count: int
    problem: str
    outcome: Literal["rewritten", "refused"]


class Hurt(Record):
    """Estimate: an operator that is likely to lose by 8 bits, how often, and why."""

    operator: str
    count: int
    reason: str


class LayerFact(Record):
    """A layer as ``hint`` names it, and the shape of what it gives (none: no single tensor).

    ``runs``: how often in a picture; ``hint``: whether a hint can be fed from it; ``kept_whole``: why pruning leaves
    all of its channels, none where it does not or where that was not tried.
    """

    name: str
    shape: tuple[int, ...]
    runs: int = 1
    hint: bool = False
    kept_whole: str | None = None


class Way(Record):
    """A use of the network: lines for a recipe, in which ``FILL_IN`` is what can't be known; or why it can't be."""

    use: Literal["teacher", "student", "ptq", "adopt"]
    lines: tuple[str, ...]
    problem: str | None = None


class Facts(Record):
    """What ``compress inspect --json`` prints.

    ``size``: height and width that shapes and MACs are for. ``size_multiple``: the smallest of those that were tried
    which runs, or what a network of ours says; none where each fails, or where it takes ``fixed_size`` only.
    ``pictures``: the outputs with the picture's shape. ``macs``: none where they can't be counted. ``conventions``: the
    work at the sizes that papers count at, as far as they are taken. ``operators``,
    ``lacking`` and ``int8_estimate`` are of a graph, and empty where ``graph_problem`` says why there is none.
    """

    network: str
    kind: str
    inputs: tuple[Border, ...]
    outputs: tuple[Border, ...]
    pictures: tuple[str, ...]
    size: tuple[int, int]
    fixed_size: tuple[int, int] | None
    size_multiple: int | None
    multiples_failed: tuple[int, ...]
    parameters: int
    macs: int | None
    conventions: tuple[Counted, ...]
    operators: dict[str, int]
    lacking: tuple[Lack, ...]
    int8_estimate: tuple[Hurt, ...]
    graph_problem: str | None
    warnings: tuple[str, ...]
    ways: tuple[Way, ...]
    layers: tuple[LayerFact, ...] = ()


def sized(model: onnx.ModelProto, size: tuple[int, int]) -> onnx.ModelProto:
    """A copy whose inputs have no free sides: one picture of ``size``. A model without any is given as it is."""
    import onnx

    stored = {tensor.name for tensor in model.graph.initializer}
    given = [value.type.tensor_type.shape.dim for value in model.graph.input if value.name not in stored]
    if all(side.dim_value for sides in given for side in sides):
        return model  # what its exporter noted of the shapes inside may be more than inference finds
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.value_info[:]
    for value in [value for value in copy.graph.input if value.name not in stored]:
        sides = value.type.tensor_type.shape.dim
        wanted = (1, 3, *size) if len(sides) == 4 else (1,) * len(sides)
        for side, number in zip(sides, wanted, strict=True):
            if not side.dim_value:
                side.dim_value = number
    for value in copy.graph.output:
        value.type.tensor_type.ClearField("shape")
    return copy


def borders(graph: Graph, values: Iterator[onnx.ValueInfoProto]) -> tuple[Border, ...]:
    """Inputs or outputs of a graph, without stored constants that older files list among them."""
    stored = {tensor.name for tensor in graph.model.graph.initializer}
    return tuple(Border(name=each.name, shape=graph.shape(each.name)) for each in values if each.name not in stored)


def parameters(model: onnx.ModelProto) -> int:
    """Numbers of floating tensors that are stored, constants of a layer's arithmetic included."""
    floating = (1, 10, 11, 16)
    return sum(math.prod(tensor.dims) for tensor in model.graph.initializer if tensor.data_type in floating)


def macs(graph: Graph) -> int | None:
    """Multiply-accumulates of convolutions and matrix products; None where a shape is unknown."""
    total = 0
    for node in graph.model.graph.node:
        if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
            continue
        inside, weight, outside = (graph.shape(name) for name in (node.input[0], node.input[1], node.output[0]))
        if not (inside and weight and outside and all((*inside, *weight, *outside))):
            return None
        if node.op_type == "Conv":
            total += math.prod(outside) * math.prod(weight[1:])
        elif node.op_type == "ConvTranspose":
            total += math.prod(inside) * math.prod(weight[1:])
        else:
            deep = inside[-2] if node.op_type == "Gemm" and attribute_of(node, "transA", 0) else inside[-1]
            total += math.prod(outside) * deep
    return total


def lacks(graph: Graph, target: str, limits: tuple[OperatorLimit, ...]) -> tuple[Lack, ...]:
    """What the target's compiler does not take, by operator and problem."""
    found: Counter[tuple[str, str]] = Counter()
    outcomes: dict[tuple[str, str], Literal["rewritten", "refused"]] = {}
    for node in graph.model.graph.node:
        problem = complaint(graph, node, limits)
        if problem:
            key = (node.op_type, problem)
            found[key] += 1
            if outcomes.get(key) != "refused":
                outcomes[key] = "rewritten" if _has_form(graph, node, limits) else "refused"
    return tuple(
        Lack(target=target, operator=key[0], count=count, problem=key[1], outcome=outcomes[key])
        for key, count in sorted(found.items())
    )


def _has_form(graph: Graph, node: onnx.NodeProto, limits: tuple[OperatorLimit, ...]) -> bool:
    for patch in forms(graph, node, limits):
        changed = graph.replaced(node, patch)
        if not any(complaint(changed, each, limits) for each in patch.nodes):
            return True
    return False


def hurts(graph: Graph) -> tuple[Hurt, ...]:
    """The estimate by ``inspection.int8``."""
    found = Counter((node.op_type, why) for node in graph.model.graph.node if (why := int8_reason(graph, node)))
    return tuple(Hurt(operator=name, count=count, reason=why) for (name, why), count in sorted(found.items()))


def node_layers(graph: Graph) -> tuple[LayerFact, ...]:
    """Nodes with the shape of their first output."""
    nodes = [node for node in graph.model.graph.node if node.op_type != "Constant"]
    return tuple(LayerFact(name=each.name or each.output[0], shape=graph.shape(each.output[0])) for each in nodes)
