"""ONNX files of a few operators, written as onnx's own text, with random weights."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

Shape = tuple[int, ...]
OPSETS = (11, 13, 17, 18, 21)


def write_text(
    body: str, path: Path, opset: int = 17, weights: dict[str, Shape] | None = None, sides: str = "n,3,h,w"
) -> Path:
    """``x`` (of ``sides``) to ``y``; a weight called ``positive…`` has values above 0."""
    head = f'<ir_version: 8, opset_import: ["" : {opset}, "com.microsoft" : 1]> one (float[{sides}] x) => (float y)'
    model = onnx.parser.parse_model(f"{head} {{ {body} }}")
    del model.graph.output[0].type.tensor_type.shape.dim[:]
    model.graph.output[0].type.tensor_type.ClearField("shape")
    for name, shape in (weights or {}).items():
        values = np.random.default_rng(crc32(f"{name} {body}".encode())).uniform(-1, 1, shape).astype(np.float32)
        values = np.abs(values) + 0.1 if name.startswith("positive") else values
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    onnx.save(model, str(path))
    return path


def run(path: Path, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """What ONNX Runtime answers, as the file is written."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    answers: list[NDArray[np.float32]] = session.run(None, {session.get_inputs()[0].name: x})
    return answers
