"""Where INT8 is likely to hurt, read off the graph: an estimate by rules. What it costs: ``sensitivity.run``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

    from compress.runtimes.rewrites.graph import Graph

OPERATORS = {
    "Sigmoid": "flat at both ends: codes there are lost, or the range is",
    "Tanh": "flat at both ends: codes there are lost, or the range is",
    "Softmax": "many values near zero share one code",
    "Exp": "a small step in makes a large one out",
    "Log": "steep at zero, where dark pictures are",
    "Pow": "steep at zero for exponents below one, large for those above",
    "Sqrt": "steep at zero, where dark pictures are",
    "Div": "a step of a small divisor is a large step of the quotient",
    "Reciprocal": "a step of a small divisor is a large step of the quotient",
    "LayerNormalization": "mean and variance need more than eight bits",
    "InstanceNormalization": "mean and variance need more than eight bits",
    "GroupNormalization": "mean and variance need more than eight bits",
    "ReduceMean": "an average is finer than the codes it is made of",
    "GlobalAveragePool": "an average is finer than the codes it is made of",
    "CumSum": "errors add up",
    "Erf": "flat at both ends: codes there are lost, or the range is",
}
DEPTHWISE_FEW = 32
"""Channels below which a depthwise convolution is called narrow; own choice."""


def int8_reason(graph: Graph, node: onnx.NodeProto) -> str | None:
    """Why a node is likely to lose by 8 bits; None where no rule says so."""
    from compress.runtimes.rewrites.graph import attribute_of

    if node.op_type == "Conv":
        shape, groups = graph.shape(node.input[1]), attribute_of(node, "group", 1)
        if groups > 1 and shape and shape[1] == 1:
            few = f"; only {shape[0]} channels, so int8 gains little" if shape[0] < DEPTHWISE_FEW else ""
            return f"depthwise: the channels' ranges differ and share one scale{few}"
    return OPERATORS.get(node.op_type)
