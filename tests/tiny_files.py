"""Files of runtimes whose converters live in environments of their own, written here for the real parsers to read."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from tiny_builds import make_onnx

from compress.records import Build, Inspection
from compress.runtimes.picture import io_contract

HEIGHT, WIDTH = 8, 16


def write_tflite(path: Path) -> None:
    """int8 pictures through one ReLU, with the scale and zero-point of 8-bit codes."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name: str) -> object:
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = name, [1, HEIGHT, WIDTH, 3], schema.TensorType.INT8, 0
        made.quantization = schema.QuantizationParametersT()
        made.quantization.scale, made.quantization.zeroPoint = [1 / 255], [-128]
        return made

    def named(name: str, place: int) -> object:
        made = schema.TensorMapT()
        made.name, made.tensorIndex = name, place
        return made

    code, operator, graph = schema.OperatorCodeT(), schema.OperatorT(), schema.SubGraphT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.RELU
    code.version = 2
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0], [1]
    graph.tensors, graph.operators = [tensor("dark"), tensor("bright")], [operator]
    graph.inputs, graph.outputs, graph.name = [0], [1], "main"
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = "serving_default", 0
    signature.inputs, signature.outputs = [named("dark", 0)], [named("bright", 1)]
    model = schema.ModelT()
    model.version, model.operatorCodes, model.subgraphs = 3, [code], [graph]
    model.buffers, model.signatureDefs = [schema.BufferT()], [signature]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def write_rknn(path: Path) -> None:
    """Header, no graph, and the trailer that names the ends."""
    ends = [{"url": name, "size": [1, 3, HEIGHT, WIDTH]} for name in ("dark", "bright")]
    trailer = json.dumps({"norm_tensor": ends}).encode()
    header = b"RKNN" + bytes(12) + struct.pack("<Q", 0) + bytes(40)
    path.write_bytes(header + struct.pack("<Q", len(trailer)) + trailer)


def make_foreign_build(folder: Path, runtime: str) -> Build:
    """A build of tflite, rknn or tensorrt of 8x16 pictures with its contract; its file lies in ``folder``."""
    name = {"tflite": "tiny.tflite", "rknn": "tiny.rknn", "tensorrt": "tiny.onnx"}[runtime]
    if runtime == "tflite":
        write_tflite(folder / name)
    elif runtime == "rknn":
        write_rknn(folder / name)
    else:
        make_onnx(folder / name, (1, 3, HEIGHT, WIDTH))
    return Build(
        name="tiny", variant="int8", runtime=runtime, files=(name,), height=HEIGHT, width=WIDTH, ships=True,  # type: ignore[arg-type]
        size_bytes=(folder / name).stat().st_size, contract=io_contract(runtime, HEIGHT, WIDTH, 8),  # type: ignore[arg-type]
        inspection=Inspection(operators={}, int8_layers=0, float_layers=1),
    )  # fmt: skip
