"""The graph of an ONNX file as plain records: nodes in order, constants as tensors, what is known of shapes."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from compress.errors import NetworkError, WeightsError, one_line

QUANTIZED = (
    "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger",
    "MatMulInteger",
)  # fmt: skip
_FLOATS = {1: torch.float32, 10: torch.float32, 11: torch.float64, 16: torch.float32}
"""Half precision is computed in single: the CPU's kernels of torch lack half of many."""
Side = int | None


@dataclass(frozen=True)
class Node:
    """One operator. ``place``: its name behind that of the author's module, where the file says which that was.

    An input that is left out is an empty name. ``attributes`` as Python values, tensors as tensors. ``joined``: names
    of further nodes that it stands for.
    """

    name: str
    place: str
    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    joined: tuple[str, ...] = ()


@dataclass(frozen=True)
class Graph:
    """``nodes`` in an order in which they can run; ``shapes`` of what is known, None where a side is free."""

    file: str
    opset: int
    input: str
    input_shape: tuple[Side, ...]
    outputs: tuple[str, ...]
    nodes: tuple[Node, ...]
    constants: dict[str, Tensor]
    shapes: Mapping[str, tuple[Side, ...]]
    half: bool = False


def read_graph(path: Path, known: Collection[str]) -> Graph:
    """The part of the file that its outputs need, functions written out. ``known``: operators that can be made.

    Raises NetworkError, with the way out, for operators that are not ``known``, for a network that is quantized
    already, and for one that wants more than a picture; WeightsError for what onnx can't read.
    """
    import onnx

    try:
        model = onnx.load(str(path))
        model = _written_out(model, known)
    except Exception as error:  # protobuf, onnx and its C++ parts have no common root
        raise WeightsError(f"{path.name}: onnx can't read it ({one_line(error)}); export it again") from None
    opset = max((each.version for each in model.opset_import if each.domain in ("", "ai.onnx")), default=1)
    half = any(tensor.data_type in (10, 16) for tensor in model.graph.initializer)
    constants = {tensor.name: _taken(tensor) for tensor in model.graph.initializer}
    inputs = [each for each in model.graph.input if each.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(each.name for each in inputs) or "nothing"
        raise NetworkError(f"{path.name}: takes {names}; only networks of one picture can be converted")
    shapes = _shapes(model)
    nodes = _needed(_nodes(model.graph, constants), [each.name for each in model.graph.output])
    _refuse(path.name, nodes, known)
    shape = shapes.get(inputs[0].name, ())
    if len(shape) != 4 or shape[1] not in (3, None):
        sides = "x".join("?" if side is None else str(side) for side in shape) or "of unknown shape"
        raise NetworkError(
            f"{path.name}: its input is {sides}; only networks of one (N, 3, H, W) picture are converted"
        )
    outputs = tuple(each.name for each in model.graph.output)
    return Graph(path.name, opset, inputs[0].name, shape, outputs, tuple(nodes), constants, shapes, half)


def _written_out(model: Any, known: Collection[str]) -> Any:
    """Functions of the file, and operators that the standard defines by others, are replaced by what they stand for."""
    from onnx import inliner

    own = [(each.domain, each.name) for each in model.functions]
    asked = {(node.domain, node.op_type) for node in model.graph.node if node.domain in ("", "ai.onnx")}
    foreign = [("", op) for _, op in sorted(asked) if op not in known and _is_function(op)]
    if own:
        model = inliner.inline_local_functions(model)
        return _written_out(model, known)
    return inliner.inline_selected_functions(model, foreign, inline_schema_functions=True) if foreign else model


def _is_function(op: str) -> bool:
    import onnx

    try:
        schema = onnx.defs.get_schema(op)
    except onnx.defs.SchemaError:
        return False
    return bool(schema.has_function or schema.has_context_dependent_function)


def _taken(tensor: Any) -> Tensor:
    """Its values, which are dropped from the file's own record: a network is not held twice."""
    from onnx import numpy_helper

    kind = _FLOATS.get(tensor.data_type)
    array = numpy_helper.to_array(tensor)
    taken = torch.tensor(array.astype("float32") if kind is torch.float32 else array)
    tensor.ClearField("raw_data")
    return taken


def _shapes(model: Any) -> dict[str, tuple[Side, ...]]:
    """By onnx's shape inference, which only reads weights that say a shape."""
    import onnx

    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except Exception:  # a model that is too large, or that it can't follow: less is known then
        inferred = model
    found = {}
    for value in (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output):
        if value.type.tensor_type.HasField("shape"):
            sides = value.type.tensor_type.shape.dim
            found[value.name] = tuple(side.dim_value if side.HasField("dim_value") else None for side in sides)
    return found


def _nodes(graph: Any, constants: dict[str, Tensor]) -> list[Node]:
    """All but constants, which join ``constants``, and names that only stand for another."""
    import onnx

    found: list[Node] = []
    alias: dict[str, str] = {}
    for number, node in enumerate(graph.node):
        inputs = tuple(alias.get(name, name) for name in node.input)
        attributes = {each.name: _value(each) for each in node.attribute if each.type != onnx.AttributeProto.GRAPH}
        if node.op_type == "Constant":
            constants[node.output[0]] = torch.as_tensor(next(iter(attributes.values())))
        elif node.op_type == "Identity" and inputs[0] in constants:
            alias[node.output[0]] = inputs[0]
        else:
            name = node.name or f"{node.op_type}_{number}"
            op = node.op_type if node.domain in ("", "ai.onnx") else f"{node.domain}.{node.op_type}"
            found.append(Node(name, _place(node, name), op, inputs, tuple(node.output), attributes))
    for output in graph.output:
        if output.name in alias:
            found.append(Node(output.name, output.name, "Identity", (alias[output.name],), (output.name,), {}))
    return found


def _place(node: Any, name: str) -> str:
    """torch's newer exporter keeps the author's modules beside the name: ['', 'body', 'body.0', 'conv2d']."""
    said = next((each.value for each in node.metadata_props if each.key == "pkg.torch.onnx.name_scopes"), "[]")
    try:
        scopes = ast.literal_eval(said)
        if len(scopes) < 2 or scopes[-2].startswith("_empty"):  # of no module
            return name
        return f"{scopes[-2].replace('.', '/')}/{scopes[-1]}"
    except (ValueError, SyntaxError, TypeError, AttributeError):  # it is only a note
        return name


def _value(attribute: Any) -> Any:
    import onnx

    value = onnx.helper.get_attribute_value(attribute)
    if attribute.type == onnx.AttributeProto.TENSOR:
        return _taken(value)
    if attribute.type == onnx.AttributeProto.STRING:
        return value.decode()
    if attribute.type == onnx.AttributeProto.FLOATS:
        return [float(each) for each in value]
    return list(value) if attribute.type == onnx.AttributeProto.INTS else value


def _needed(nodes: list[Node], outputs: list[str]) -> list[Node]:
    """Those that the outputs come from; further answers of theirs that nobody takes have no name."""
    wanted, kept = set(outputs), []
    for node in reversed(nodes):
        if wanted.intersection(node.outputs):
            idle = () if node.op == "Split" else [name for name in node.outputs[1:] if name not in wanted]
            kept.append(replace(node, outputs=tuple("" if name in idle else name for name in node.outputs)))
            wanted.update(node.inputs)
    return kept[::-1]


def _refuse(file: str, nodes: list[Node], known: Collection[str]) -> None:
    """Raises NetworkError."""
    asked = sorted({node.op for node in nodes})
    quantized = [
        op for op in asked if op.rpartition(".")[2] in QUANTIZED or op.rpartition(".")[2].startswith("QLinear")
    ]
    if quantized:
        raise NetworkError(
            f"{file}: is quantized already ({', '.join(quantized)}); give the float file that it was made from"
        )
    unknown = [op for op in asked if op not in known]
    if unknown:
        raise NetworkError(
            f"{file}: has operators that can't be converted: {', '.join(unknown)}; export it without them, "
            "give the module with its weights (module:callable), or let it teach a student (teacher.source)"
        )
