"""Which nodes of a graph a device does not take, and why."""

from __future__ import annotations

from math import isclose
from typing import TYPE_CHECKING

from compress.operators import OperatorLimit
from compress.runtimes.rewrites.graph import Graph, attribute_of

if TYPE_CHECKING:
    import onnx

Limits = tuple[OperatorLimit, ...]


def complaint(graph: Graph, node: onnx.NodeProto, limits: Limits) -> str | None:
    """Why the device does not take the node, in words that follow its layer's name; None where it does."""
    for limit in limits:
        if limit.operator == node.op_type:
            problem = "the device lacks it" if limit.lacks else _beyond(graph, node, limit)
            if problem:
                return f"{problem} ({limit.source})"
    return None


def max_kernel(operator: str, limits: Limits) -> int | None:
    """The largest window side of an operator; 0 where the device lacks it, None where nothing is said."""
    found = [limit for limit in limits if limit.operator == operator]
    if any(limit.lacks for limit in found):
        return 0
    return min((limit.max_kernel for limit in found if limit.max_kernel is not None), default=None)


def factors(limits: Limits) -> tuple[int, ...] | None:
    """The factors by which the device's Resize enlarges; None where nothing is said."""
    return next((limit.factors for limit in limits if limit.operator == "Resize" and limit.factors is not None), None)


def _beyond(graph: Graph, node: onnx.NodeProto, limit: OperatorLimit) -> str | None:
    window = window_of(graph, node)
    if limit.max_kernel is not None and max(window, default=0) > limit.max_kernel:
        return f"window {'x'.join(str(side) for side in window)}, at most {limit.max_kernel}"
    strides = strides_of(graph, node)
    if limit.strides is not None and not set(strides) <= {1, *limit.strides}:
        return f"stride {max(strides)}, the device has {_either(limit.strides)}"
    if limit.constant_first is False and graph.constant(node.input[0]) is not None:
        return "its first input is a constant"
    groups = attribute_of(node, "group", 1)
    if limit.max_groups is not None and groups > limit.max_groups:
        return f"{groups} groups, at most {limit.max_groups}"
    mode = attribute_of(node, "mode", "nearest" if node.op_type == "Resize" else "")
    if limit.modes is not None and mode not in limit.modes:
        return f"mode '{mode}', the device has {_either(limit.modes)}"
    centres = attribute_of(node, "coordinate_transformation_mode", "half_pixel")
    if limit.centres is not None and centres not in limit.centres:
        return f"centres '{centres}', the device has {_either(limit.centres)}"
    if limit.factors is not None:
        enlarged = enlargement(graph, node)
        if not enlarged or not set(enlarged) <= {1.0, *(float(each) for each in limit.factors)}:
            by = "by an unknown factor" if not enlarged else f"by {enlarged[0]:g} and {enlarged[1]:g}"
            return f"resizes {by}, the device by {_either(limit.factors)}"
    if limit.exponents is not None and node.op_type == "Pow":
        exponent = exponent_of(graph, node)
        if exponent is None or not any(isclose(exponent, each, rel_tol=1e-6) for each in limit.exponents):
            given = "unknown" if exponent is None else f"{exponent:g}"
            return f"exponent {given}, the device has {_either(limit.exponents)}"
    return None


def window_of(graph: Graph, node: onnx.NodeProto) -> tuple[int, ...]:
    """Sides of a convolution's or pool's window; of a global one those of its input (0 where they are free)."""
    given = attribute_of(node, "kernel_shape", None)
    if given is not None:
        return tuple(given)
    if node.op_type in ("Conv", "ConvTranspose"):
        return graph.shape(node.input[1])[2:]
    if node.op_type.startswith(("Global", "Reduce")):
        return graph.shape(node.input[0])[2:]
    return ()


def strides_of(graph: Graph, node: onnx.NodeProto) -> tuple[int, ...]:
    """Strides of a convolution or pool, steps of a Slice."""
    if node.op_type == "Slice":
        steps = graph.argument(node, 4, "steps")
        return () if steps is None else tuple(int(step) for step in steps)
    return tuple(attribute_of(node, "strides", ()))


def enlargement(graph: Graph, node: onnx.NodeProto) -> tuple[float, float] | None:
    """By how much a Resize enlarges height and width; None where a size is free."""
    before, after = graph.picture(node.input[0]), graph.picture(node.output[0])
    return None if before is None or after is None else (after[2] / before[2], after[3] / before[3])


def exponent_of(graph: Graph, node: onnx.NodeProto) -> float | None:
    """The one constant exponent of a Pow; None where there is none."""
    values = graph.constant(node.input[1])
    if values is None or values.size == 0 or (values != values.flat[0]).any():
        return None
    return float(values.flat[0])


def _either(values: tuple[float, ...] | tuple[str, ...] | tuple[int, ...]) -> str:
    texts = [value if isinstance(value, str) else f"{value:g}" for value in values]
    return " or ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
