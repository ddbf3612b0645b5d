"""The last touches to a .tflite file: names by ONNX node, and float ends where these are wanted.

A trained scale is found again by name, so a tensor behind a quantizer is called like the quantizer
(``/net/repair/relu/0__0.0/QuantizeLinear``), any other like the node that computes it.
"""

from __future__ import annotations

import re
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from tflite_graph import Graph

_MODULE = re.compile(r"_([ni]\d+);")
_HEAVY = {
    getattr(schema.BuiltinOperator, name)
    for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED")
}
_INT8, _INT16, _FLOAT = schema.TensorType.INT8, schema.TensorType.INT16, schema.TensorType.FLOAT32


def finish(raw: bytes, graph: Graph, coded_ends: bool) -> bytes:
    """``raw`` with its names settled and, unless ``coded_ends``, float32 pictures at both ends."""
    model = schema.ModelT.InitFromPackedBuf(raw, 0)
    main = model.subgraphs[0]
    _rename(main, graph)
    main.inputs, main.outputs = list(main.inputs), _in_order(model)
    if not coded_ends:
        _float_end(model, main, main.inputs, 0, schema.BuiltinOperator.QUANTIZE)
        for place in range(len(main.outputs)):
            _float_end(model, main, main.outputs, place, schema.BuiltinOperator.DEQUANTIZE)
    _name_ends(model, main, tuple(graph.ends))
    _widen_biases(model, main)
    return _packed(model, len(raw))


def shrink(raw: bytes) -> bytes:
    """``raw`` with the float weights of its layers stored as float16, and dequantized when the file is loaded.

    ai-edge-quantizer 0.10, which does this as well, spoils int8 layers that lie beside float ones.
    """
    model = schema.ModelT.InitFromPackedBuf(raw, 0)
    main, halved, before = model.subgraphs[0], set(), []
    for operator in main.operators:
        kind = model.operatorCodes[operator.opcodeIndex].builtinCode
        tensor = main.tensors[operator.inputs[1]] if kind in _HEAVY else None
        if tensor is None or tensor.type != _FLOAT or model.buffers[tensor.buffer].data is None:
            continue
        if tensor.buffer not in halved:
            buffer = model.buffers[tensor.buffer]
            half = np.frombuffer(bytes(buffer.data), np.float32).astype(np.float16)
            buffer.data = np.frombuffer(half.tobytes(), np.uint8)
            halved.add(tensor.buffer)
        before.append(_stored_half(model, main, int(operator.inputs[1])))
    main.operators = before + list(main.operators)
    return _packed(model, len(raw))


def _stored_half(model: Any, main: Any, place: int) -> Any:
    """The operator that makes the float tensor at ``place`` of its buffer, which holds float16."""
    tensor, stored = main.tensors[place], schema.TensorT()
    stored.shape, stored.type, stored.name = tensor.shape, schema.TensorType.FLOAT16, tensor.name + b"/half"
    stored.buffer, tensor.buffer = tensor.buffer, 0
    main.tensors.append(stored)
    operator = schema.OperatorT()
    operator.opcodeIndex = _opcode(model, schema.BuiltinOperator.DEQUANTIZE)
    operator.inputs, operator.outputs = [len(main.tensors) - 1], [place]
    return operator


def _packed(model: Any, about: int) -> bytes:
    builder = flatbuffers.Builder(about + 4096)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _rename(main: Any, graph: Graph) -> None:
    names = _Names(graph)
    taken: dict[str, int] = {}
    for tensor in main.tensors:
        name = names.of(tensor)
        taken[name] = taken.get(name, -1) + 1
        tensor.name = (f"{name};{taken[name]}" if taken[name] else name).encode()


class _Names:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._wires = {wire.module: wire for wire in graph.wires}

    def of(self, tensor: Any) -> str:
        modules = _MODULE.findall(tensor.name.decode())
        wire = self._wires.get(modules[0]) if modules else None
        coded = tensor.type in (_INT8, _INT16) and getattr(tensor.quantization, "scale", None) is not None
        if wire is None:  # the picture itself, or a constant
            given = self._coded(self._graph.readers(self._graph.input)) if coded else []
            return next((one[1] for one in given if self._same(one, tensor)), "constant")
        if not coded:
            return str(wire.node)
        for module in modules:
            for candidate in self._near(self._wires[module]):
                if self._same(candidate, tensor):
                    return candidate[1]
        return str(wire.node)

    def _near(self, wire: Any) -> list[tuple[Any, str]]:
        """Codes of the quantizers around a node, with their names: itself, who reads it, what it reads."""
        around = [wire, *self._graph.readers(wire.output)]
        around += [maker for name in wire.inputs if (maker := self._graph.maker(name)) is not None]
        return self._coded(around)

    def _coded(self, wires: Any) -> list[tuple[Any, str]]:
        return [(self._graph.codes[each.output], each.node) for each in wires if each.output in self._graph.codes]

    @staticmethod
    def _same(candidate: tuple[Any, str], tensor: Any) -> bool:
        codes, found = candidate[0], tensor.quantization
        if len(found.scale) != len(codes.scale):
            return False
        scales = all(abs(a - b) <= 1e-6 * b for a, b in zip(found.scale, codes.scale, strict=True))
        return scales and int(found.zeroPoint[0]) == codes.zero_point[0]


def _in_order(model: Any) -> list[int]:
    """The output tensors in the graph's order, which the converter's names for them count."""
    outputs = model.signatureDefs[0].outputs
    outputs.sort(key=lambda each: int(each.name.rpartition(b"_")[2]))
    return [int(each.tensorIndex) for each in outputs]


def _float_end(model: Any, main: Any, ends: Any, place: int, kind: int) -> None:
    """Float at an end that the converter made integer: a (de)quantize operator between."""
    inner = int(ends[place])
    if main.tensors[inner].type == _FLOAT:
        return
    outer = schema.TensorT()
    outer.shape, outer.type, outer.buffer, outer.name = main.tensors[inner].shape, _FLOAT, 0, b"end"
    main.tensors.append(outer)
    number = len(main.tensors) - 1
    operator = schema.OperatorT()
    operator.opcodeIndex = _opcode(model, kind)
    first = kind == schema.BuiltinOperator.QUANTIZE
    operator.inputs, operator.outputs = ([number], [inner]) if first else ([inner], [number])
    main.operators.insert(0 if first else len(main.operators), operator)
    ends[place] = number


def floating(made: bytes) -> list[str]:
    """The operators of a file that take or give floats: kind and name of each."""
    model = schema.ModelT.InitFromPackedBuf(made, 0)
    kinds = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    main, found = model.subgraphs[0], []
    for operator in main.operators:
        tensors = [main.tensors[i] for i in (*operator.inputs, *operator.outputs) if i >= 0]
        if any(tensor.type in (_FLOAT, schema.TensorType.FLOAT16) for tensor in tensors):
            kind = kinds[model.operatorCodes[operator.opcodeIndex].builtinCode]
            found.append(f"{kind} {tensors[-1].name.decode()}")
    return found


def _widen_biases(model: Any, main: Any) -> None:
    """64-bit biases for layers on 16-bit codes: with the converter's 32-bit ones LiteRT 2.3 answers nonsense."""
    for operator in main.operators:
        if len(operator.inputs) != 3 or main.tensors[operator.inputs[0]].type != _INT16:
            continue
        bias = main.tensors[operator.inputs[2]]
        if bias.type == schema.TensorType.INT32 and bias.quantization is not None:
            buffer = model.buffers[bias.buffer]
            wide = np.frombuffer(bytes(buffer.data), np.int32).astype(np.int64)
            buffer.data, bias.type = np.frombuffer(wide.tobytes(), np.uint8), schema.TensorType.INT64


def _opcode(model: Any, kind: int) -> int:
    for number, code in enumerate(model.operatorCodes):
        if code.builtinCode == kind:
            return number
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = kind, min(kind, 127), 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def _name_ends(model: Any, main: Any, answers: tuple[str, ...]) -> None:
    """``dark`` and ``answers`` in the signature; tensors too, but an input that is a quantizer's keeps that name."""
    signature = model.signatureDefs[0]
    ends = [(int(main.inputs[0]), signature.inputs[0], "dark")]
    ends += zip(map(int, main.outputs), signature.outputs, answers, strict=True)
    for number, given, name in ends:
        tensor = main.tensors[number]
        if not tensor.name.endswith(b"/QuantizeLinear"):
            tensor.name = name.encode()
        given.name, given.tensorIndex = name.encode(), number
