"""Powers by roots and products, by Exp and Log, or by a polynomial whose largest error is stated."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING

from compress.runtimes.rewrites.graph import Graph, Patch, attribute_of
from compress.runtimes.rewrites.limits import Limits, exponent_of

if TYPE_CHECKING:
    import onnx

MOST_PRODUCTS = 8
MOST_ROOTS = 3
LARGEST_ERROR = 5e-4
"""An eighth of an 8-bit code: a polynomial that errs more is not offered."""
_BASES = ("x", "its root", "its fourth root", "its eighth root")
_KEEPS_RANGE = (
    "QuantizeLinear", "DequantizeLinear", "Identity", "MaxPool", "AveragePool", "GlobalAveragePool", "Reshape",
    "GlobalMaxPool", "Transpose", "Slice", "Split", "DepthToSpace", "SpaceToDepth", "Concat", "Relu",
)  # fmt: skip


def power(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """Products and roots where the exponent is a small number of eighths; else Exp and Log, or a polynomial."""
    exponent = exponent_of(graph, node)
    if exponent is None or exponent == 0:
        return
    eighths = Fraction(exponent).limit_denominator(2**MOST_ROOTS)
    if float(eighths) == exponent and eighths.denominator & (eighths.denominator - 1) == 0:
        if abs(eighths.numerator) <= MOST_PRODUCTS * eighths.denominator:
            yield _roots(node, eighths)
    low, high = value_range(graph, node.input[0])
    if low >= 0:
        patch = Patch(node, "Log, Mul and Exp", "rounding")
        scaled = patch.add("Mul", [patch.add("Log", [node.input[0]]), patch.number(exponent)])
        yield patch.last("Exp", [scaled])
        if exponent > 0 and high < float("inf"):
            yield from _polynomials(node, exponent, high)


def _roots(node: onnx.NodeProto, exponent: Fraction) -> Patch:
    """``x ** (n / 2**k)`` as n-th power, by squaring, of k square roots; a negative one as one over that."""
    patch = Patch(node, "", "rounding")
    tensor = node.input[0]
    for _ in range(exponent.denominator.bit_length() - 1):
        tensor = patch.add("Sqrt", [tensor])
    count = abs(exponent.numerator)
    power: str | None = None
    while count:
        if count & 1:
            power = tensor if power is None else patch.add("Mul", [power, tensor])
        count >>= 1
        if count:
            tensor = patch.add("Mul", [tensor, tensor])
    assert power is not None
    if exponent < 0:
        power = patch.add("Div", [patch.number(1.0), power])
    if not patch.nodes:
        patch.add("Identity", [power])
    patch.nodes[-1].output[0] = node.output[0]
    patch.form = " and ".join(dict.fromkeys(each.op_type for each in patch.nodes))
    return patch


def _polynomials(node: onnx.NodeProto, exponent: float, high: float) -> Iterator[Patch]:
    """In x, its root, fourth or eighth root (a power below 1 has no finite slope at 0, its root's powers do).

    First the one of the smallest coefficients: where large ones cancel, a device's float16 loses the digits.
    """
    fitted = [(roots, found) for roots in range(MOST_ROOTS + 1) if (found := fit(exponent, high, roots)) is not None]
    for roots, (coefficients, error) in sorted(fitted, key=lambda each: sum(map(abs, each[1][0]))):
        name = f"polynomial of degree {len(coefficients) - 1}"
        patch = Patch(node, f"{name} in {_BASES[roots]}", "approximate", error)
        tensor = node.input[0]
        for _ in range(roots):
            tensor = patch.add("Sqrt", [tensor])
        result = patch.add("Mul", [tensor, patch.number(coefficients[-1])])
        for value in reversed(coefficients[1:-1]):
            result = patch.add("Mul", [patch.add("Add", [result, patch.number(value)]), tensor])
        yield patch.last("Add", [result, patch.number(coefficients[0])])


@cache
def fit(exponent: float, high: float, roots: int) -> tuple[tuple[float, ...], float] | None:
    """Coefficients, lowest first, of ``x ** exponent`` on [0, high] in ``x ** (1 / 2**roots)``, and the largest error.

    The error is measured in float32 on a fine grid, as a share of ``high ** exponent``. None where no degree
    up to 8 is good enough.
    """
    import numpy as np

    grid = np.concatenate([np.linspace(0, 1, 20001), np.geomspace(1e-12, 1, 4001)])
    for degree in range(2, 9):
        t = (1 - np.cos(np.linspace(0, np.pi, 2001))) / 2  # dense at both ends, as a minimax fit wants it
        powers = np.vander(t, degree + 1, increasing=True)
        solution = np.linalg.lstsq(powers, t ** (exponent * 2**roots), rcond=None)[0]
        scale = high ** (exponent - np.arange(degree + 1) / 2**roots)
        coefficients = (solution * scale).astype(np.float32)
        x = (grid * high).astype(np.float32)
        root = x
        for _ in range(roots):
            root = np.sqrt(root)
        value = np.full_like(root, coefficients[-1])
        for each in coefficients[-2::-1]:
            value = value * root + each
        error = float(np.abs(value.astype(np.float64) - x.astype(np.float64) ** exponent).max()) / high**exponent
        if error <= LARGEST_ERROR:
            return tuple(float(each) for each in coefficients), error
    return None


def value_range(graph: Graph, tensor: str) -> tuple[float, float]:
    """Bounds that a tensor certainly keeps, from the Clip or Sigmoid it comes from and what is added since."""
    from compress.runtimes.interchange import INPUT

    anything = (float("-inf"), float("inf"))
    if tensor == INPUT:
        return (0.0, 1.0)
    node = graph.producer(tensor)
    if node is None:
        values = graph.constant(tensor)
        return anything if values is None or not values.size else (float(values.min()), float(values.max()))
    if node.op_type in ("Sigmoid", "HardSigmoid"):
        return (0.0, 1.0)
    if node.op_type in ("Sqrt", "Abs", "Exp"):
        return (0.0, anything[1])
    if node.op_type == "Conv":
        return _weighed(graph, node)
    if node.op_type == "Clip":
        low, high = (graph.argument(node, place, name) for place, name in ((1, "min"), (2, "max")))
        return (anything[0] if low is None else float(low), anything[1] if high is None else float(high))
    if node.op_type in ("Add", "Mul"):
        return _combined(graph, node)
    keeps = node.op_type in _KEEPS_RANGE
    if node.op_type == "Resize" and attribute_of(node, "mode", "nearest") != "cubic":
        keeps = True
    inputs = node.input[:1] if node.op_type != "Concat" else node.input
    if not keeps:
        return anything
    ranges = [value_range(graph, each) for each in inputs]
    low_end, high_end = min(each[0] for each in ranges), max(each[1] for each in ranges)
    if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
        return (low_end, float("inf")) if low_end >= 0 else anything  # rounding may end just above
    return (max(low_end, 0.0), max(high_end, 0.0)) if node.op_type == "Relu" else (low_end, high_end)


def _combined(graph: Graph, node: onnx.NodeProto) -> tuple[float, float]:
    first, second = (value_range(graph, each) for each in node.input)
    if node.op_type == "Add":
        return (first[0] + second[0], first[1] + second[1])
    ends = [a * b for a in first for b in second]
    if all(isfinite(end) for end in ends):
        return (min(ends), max(ends))
    return (0.0 if min(first[0], second[0]) >= 0 else float("-inf"), float("inf"))


def _weighed(graph: Graph, node: onnx.NodeProto) -> tuple[float, float]:
    """Of a convolution by constants; what lies beyond the picture's edge counts as 0."""
    import numpy as np

    weights = graph.constant(node.input[1])
    low, high = value_range(graph, node.input[0])
    bias = graph.constant(node.input[2]) if len(node.input) > 2 else np.zeros(1)
    if weights is None or bias is None or not isfinite(low) or not isfinite(high):
        return (float("-inf"), float("inf"))
    low, high = min(low, 0.0), max(high, 0.0)
    above = np.maximum(weights, 0).reshape(len(weights), -1).sum(1)
    below = np.minimum(weights, 0).reshape(len(weights), -1).sum(1)
    return (float((above * low + below * high + bias).min()), float((above * high + below * low + bias).max()))
