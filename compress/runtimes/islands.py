"""Which layers of an INT8 build run in float although training quantized them.

SDKs name a layer after the convolution, after what it was fused with, or with a word of their own behind; the graph
that the build was made from tells which names belong to a layer that takes codes and has codes for weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_HEAVY = ("Conv", "ConvTranspose", "MatMul", "Gemm")
_FUSED = ("Relu", "Clip", "LeakyRelu", "PRelu")


def float_though_trained(islands: tuple[str, ...], model: onnx.ModelProto) -> tuple[str, ...]:
    """Those of ``islands`` (layers that an SDK runs in float) that the QDQ graph ``model`` has in int8."""
    names = "|".join(re.escape(name) for name in _quantized(model))
    if not names:
        return ()
    # Behind the name: nothing, or what an SDK adds; a number would be another layer.
    own = re.compile(rf"^(?:\w+:)?(?:{names})(?:_output_0)?(?:[_/#][A-Za-z].*)?$")
    return tuple(name for name in islands if own.match(name))


def _quantized(model: onnx.ModelProto) -> Iterator[str]:
    """Names of layers whose picture and weights are both dequantized codes, and of the activation behind each."""
    codes = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
    for node in model.graph.node:
        if node.op_type in _HEAVY and all(name in codes for name in node.input[:2]):
            yield node.name
            readers = [each for each in model.graph.node if node.output[0] in each.input]
            if len(readers) == 1 and readers[0].op_type in _FUSED:
                yield readers[0].name
