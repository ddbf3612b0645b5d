"""Which nodes of the float ONNX file run in int8 in our own build; the others are its float islands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx

_CODES = ("QuantizeLinear", "DequantizeLinear")


def int8_nodes(trained: onnx.ModelProto) -> tuple[str, ...]:
    """Names of the layers between trained codes, and of what is computed before their answer is rounded.

    A layer on the camera's own picture is not among them: our codes for it are the camera's and lose nothing, those
    that a peer would choose do.
    """
    graph = trained.graph
    maker = {output: node for node in graph.node for output in node.output}
    pictures = {value.name for value in graph.input}
    rounded = {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}

    def on_codes(node: onnx.NodeProto) -> bool:
        decoder = maker.get(node.input[0]) if node.input else None
        if decoder is None or decoder.op_type != "DequantizeLinear":
            return False
        coder = maker.get(decoder.input[0])
        return coder is not None and coder.op_type == "QuantizeLinear" and coder.input[0] not in pictures

    found: dict[str, str] = {}  # output to node
    for node in graph.node:
        if node.op_type in _CODES or not node.input:
            continue
        follows = node.input[0] in found and node.output[0] in rounded and len(node.input) == 1
        if on_codes(node) or follows:
            found[node.output[0]] = node.name
    return tuple(found.values())


def island_nodes(path: Path, int8: tuple[str, ...]) -> list[str]:
    """Names of all other nodes of an ONNX file that compute something."""
    import onnx

    nodes = onnx.load(str(path)).graph.node
    return [node.name for node in nodes if node.op_type != "Constant" and node.name not in int8]
