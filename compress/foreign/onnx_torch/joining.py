"""Operators that exporters write out in several, joined again: a bias, GELU, and LayerNorm of opsets before 17.

What is one layer to its author is then one layer to quantization and pruning.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

from compress.foreign.onnx_torch.graph import Graph, Node


def joined(graph: Graph) -> Graph:
    """The graph with these groups as one node each, at the place of the group's last."""
    for join in (_bias, _gelu, _layer_norm):
        known = _Known(graph)
        for node in graph.nodes:
            join(known, node)
        graph = known.result()
    return graph


class _Known:
    """Who makes and who takes each value, and which nodes stand in place of others so far."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.maker = {name: node for node in graph.nodes for name in node.outputs}
        self.uses = Counter(name for node in graph.nodes for name in node.inputs) + Counter(graph.outputs)
        self.takers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for name in node.inputs:
                self.takers.setdefault(name, []).append(node)
        self.gone: set[str] = set()
        self.instead: dict[str, Node] = {}

    def made_by(self, name: str, *ops: str) -> Node | None:
        """The node whose only answer this is, where it is one of ``ops`` and of no group yet."""
        node = self.maker.get(name)
        free = (
            node is not None
            and node.op in ops
            and node.outputs[0] not in self.gone
            and node.outputs[0] not in self.instead
        )
        return node if free else None

    def only_taker(self, node: Node, *ops: str) -> Node | None:
        """The node that takes its answer, where it is the only one and one of ``ops``."""
        takers = self.takers.get(node.outputs[0], [])
        alone = self.uses[node.outputs[0]] == 1 and len(takers) == 1
        return takers[0] if alone and takers[0].op in ops else None

    def other(self, node: Node, name: str) -> str:
        """The other of two operands; an empty name where there is none."""
        return next((each for each in node.inputs if each != name), "") if len(node.inputs) == 2 else ""

    def number(self, name: str) -> float:
        """A constant of one value; not a number where it is none."""
        constant = self.graph.constants.get(name)
        return float(constant.item()) if constant is not None and constant.numel() == 1 else math.nan

    def vector(self, name: str) -> bool:
        """Whether it is a constant with one side."""
        constant = self.graph.constants.get(name)
        return constant is not None and constant.dim() == 1

    def join(self, group: list[Node], into: Node) -> None:
        """``into`` instead of the ``group``, whose inner answers nobody else may take; else nothing is done."""
        inside = Counter(name for node in group for name in node.inputs)
        answers = [node.outputs[0] for node in group[:-1]]
        if all(self.uses[name] == inside[name] for name in answers) and not self.gone.intersection(answers):
            self.gone.update(answers)
            names = tuple(dict.fromkeys(name for node in group for name in (node.name, *node.joined)))
            self.instead[into.outputs[0]] = replace(into, joined=tuple(n for n in names if n != into.name))

    def result(self) -> Graph:
        nodes = (
            self.instead.get(node.outputs[0], node) for node in self.graph.nodes if node.outputs[0] not in self.gone
        )
        return replace(self.graph, nodes=tuple(nodes))


def _bias(known: _Known, node: Node) -> None:
    """An addition of a vector behind a product with a constant matrix."""
    weight = known.graph.constants.get(node.inputs[1]) if node.op == "MatMul" else None
    add = known.only_taker(node, "Add") if weight is not None and weight.dim() == 2 else None
    bias = known.other(add, node.outputs[0]) if add is not None else ""
    if add is not None and weight is not None and known.vector(bias):
        if known.graph.constants[bias].shape[0] == weight.shape[1]:
            known.join([node, add], replace(node, inputs=(*node.inputs, bias), outputs=add.outputs))


def _gelu(known: _Known, node: Node) -> None:
    """x * (erf(x / sqrt 2) + 1) / 2, the half before or behind."""
    inner = known.made_by(node.inputs[0], "Div", "Mul") if node.op == "Erf" else None
    add = known.only_taker(node, "Add")
    product = known.only_taker(add, "Mul") if add is not None else None
    if inner is None or add is None or product is None or known.number(known.other(add, node.outputs[0])) != 1.0:
        return
    x = next((name for name in inner.inputs if name not in known.graph.constants), "")
    step = known.number(known.other(inner, x))
    root = step if inner.op == "Div" and inner.inputs[0] == x else 1 / step if inner.op == "Mul" and step else math.nan
    if not math.isclose(root, math.sqrt(2), rel_tol=1e-5):
        return
    factor = known.other(product, add.outputs[0])
    half = known.only_taker(product, "Mul") if factor == x else known.made_by(factor, "Mul")
    if half is None or known.number(known.other(half, product.outputs[0] if factor == x else x)) != 0.5:
        return
    group = [inner, node, add, product, half] if factor == x else [inner, node, add, half, product]
    if factor == x or x in half.inputs:
        known.join(group, Node(node.name, node.place, "Gelu", (x,), group[-1].outputs, {}))


def _layer_norm(known: _Known, node: Node) -> None:
    """(x - mean) / sqrt(mean of (x - mean)² + eps) * scale + bias, all over the last side."""
    if node.op != "Div":
        return
    away, root = known.made_by(node.inputs[0], "Sub"), known.made_by(node.inputs[1], "Sqrt")
    sum_ = known.made_by(root.inputs[0], "Add") if root is not None else None
    spread = next((m for name in sum_.inputs if (m := known.made_by(name, "ReduceMean"))), None) if sum_ else None
    square = known.made_by(spread.inputs[0], "Pow", "Mul") if spread is not None else None
    mean = known.made_by(away.inputs[1], "ReduceMean") if away is not None else None
    if root is None or away is None or sum_ is None or spread is None or square is None or mean is None:
        return
    again = known.made_by(square.inputs[0], "Sub")  # older exporters write the difference twice
    twice = square.inputs[1] == square.inputs[0] if square.op == "Mul" else known.number(square.inputs[1]) == 2.0
    x, eps = away.inputs[0], known.number(known.other(sum_, spread.outputs[0]))
    same = again is not None and again.inputs == away.inputs and mean.inputs[0] == x
    scaled = known.only_taker(node, "Mul")
    shifted = known.only_taker(scaled, "Add") if scaled is not None else None
    if not (same and twice and _last_side(known, mean) and _last_side(known, spread)) or math.isnan(eps):
        return
    if scaled is None or shifted is None or again is None:
        return
    scale, bias = known.other(scaled, node.outputs[0]), known.other(shifted, scaled.outputs[0])
    if known.vector(scale) and known.vector(bias):
        subs = [away] if again is away else [away, again]
        group = [mean, *subs, square, spread, sum_, root, node, scaled, shifted]
        said = {"axis": -1, "epsilon": eps}
        known.join(group, Node(mean.name, mean.place, "LayerNormalization", (x, scale, bias), shifted.outputs, said))


def _last_side(known: _Known, node: Node) -> bool:
    constant = known.graph.constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
    axes = node.attributes.get("axes") if constant is None else constant.tolist()
    rank = len(known.graph.shapes.get(node.inputs[0], ()))
    return bool(node.attributes.get("keepdims", 1)) and (axes == [-1] or (rank > 0 and axes == [rank - 1]))
