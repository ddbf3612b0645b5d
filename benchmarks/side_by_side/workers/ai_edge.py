"""Quantizes a float .tflite file by ai-edge-quantizer. Runs in the environment of ``compress setup tflite``.

    python -I ai_edge.py request.json answer.json

Asked: ``tflite``, ``frames`` (.npy, float32 (N, 3, H, W) in [0, 1]), ``out`` (paths), ``only`` (names of ONNX nodes, or
null for all), ``threads``. Answered: ``out``.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np  # noqa: E402
from ai_edge_litert.interpreter import Interpreter  # noqa: E402
from ai_edge_quantizer import qtyping, quantizer, recipe  # noqa: E402
from ai_edge_quantizer.algorithm_manager import AlgorithmName  # noqa: E402


def quantize(tflite: str, frames: str, out: str, only: list[str] | None, threads: int) -> None:
    """Write ``out``. An operator goes by the names of its outputs, which are those of the ONNX nodes."""
    names = qtyping.TFLOperationName
    made = quantizer.Quantizer(tflite)
    if only is None:
        made.load_quantization_recipe(recipe.static_wi8_ai8())
    else:
        wanted = "|".join(re.escape(name) for name in only)
        made.add_static_config(f"(^|;)({wanted})(;|$)", names.ALL_SUPPORTED, 8, 8)
    for end in (names.INPUT, names.OUTPUT):
        made.update_quantization_recipe(".*", end, algorithm_key=AlgorithmName.NO_QUANTIZE)
    (key,) = Interpreter(model_path=tflite).get_signature_list()
    pictures = np.load(frames, mmap_mode="r")
    given = [{"dark": np.ascontiguousarray(picture.transpose(1, 2, 0)[None])} for picture in pictures]
    ranges = made.calibrate({key: given}, num_threads=threads)
    Path(out).write_bytes(bytes(made.quantize(ranges).quantized_model))


def main(asked: Path, answered: Path) -> None:
    """Answer the request in ``asked``."""
    request = json.loads(asked.read_text())
    quantize(**request)
    answered.write_text(json.dumps({"out": request["out"]}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
