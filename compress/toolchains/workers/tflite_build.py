"""Makes a .tflite file of an ONNX file with the LiteRT converter, trained scales and all.

    python -I tflite_build.py request.json answer.json

Asked: ``onnx`` and ``tflite`` (paths), ``codes`` (8-bit pictures as int8 at both ends, else float32),
``calibration`` (a .npy of frames (N, 3, H, W) float32 in [0, 1], or null), ``integer`` (codes
also for what training left float; refused where an operator of a trained network stays float all the same),
``activations`` (8, or 16 for wider codes than the trained), ``half`` (float weights stored as float16). Answered:
``seen``, the tensors whose range comes from frames.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # -I leaves a script's own folder out
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import litert_torch  # noqa: E402
import numpy as np  # noqa: E402
import onnx  # noqa: E402
import tflite_codes as codes  # noqa: E402
import torch  # noqa: E402
from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config  # noqa: E402
from litert_torch.quantize.quant_config import QuantConfig  # noqa: E402
from tflite_file import finish, floating, shrink  # noqa: E402
from tflite_graph import Graph  # noqa: E402
from tflite_operators import Unsupported  # noqa: E402


@dataclass(frozen=True)
class Request:
    """The request's keys; the head of this file says what they mean."""

    onnx: str
    tflite: str
    codes: bool
    calibration: str | None
    integer: bool
    activations: int
    half: bool


def build(request: Request) -> list[str]:
    """Write the file; the tensors whose range was seen. Raises Unsupported for what can't be in it."""
    model = onnx.load(request.onnx)
    shape = [side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim]
    if len(shape) != 4 or 0 in shape:
        raise Unsupported(f"{Path(request.onnx).name}: TFLite is made for one size; this file leaves it free")
    torch.manual_seed(0)
    sample = torch.rand(*shape) * 0.25
    graph = Graph(model).eval()
    trained = bool(graph.codes)
    seen = add_codes(graph, request, sample)
    files = litert_torch.convert(
        litert_torch.to_channel_last_io(graph, args=[0], outputs=list(range(len(graph.ends)))).eval(),
        (sample.permute(0, 2, 3, 1).contiguous(),),
        quant_config=_integer_layers() if graph.codes else None,
    )
    raw = Path(request.tflite + ".raw")
    files.export(str(raw))
    stored = shrink(raw.read_bytes()) if request.half else raw.read_bytes()
    raw.unlink()
    made = finish(stored, graph, request.codes)
    floats = floating(made) if request.integer and trained else []
    if floats:
        raise Unsupported(f"not integer throughout, as the target asks: {', '.join(floats[:3])} would stay float")
    Path(request.tflite).write_bytes(made)
    return seen


def _integer_layers() -> Any:
    """Tells the converter to make integer layers of what lies between dequantize and quantize."""
    return QuantConfig(pt2e_quantizer=PT2EQuantizer().set_global(get_symmetric_quantization_config()))


def add_codes(graph: Graph, request: Request, sample: torch.Tensor) -> list[str]:
    """Round what the request wants rounded beyond the trained scales; tensors whose range was seen on frames."""
    seen: list[str] = []
    frames = np.load(request.calibration) if request.calibration is not None else None
    ranges = codes.see_ranges(graph, frames) if frames is not None and graph.codes else {}
    if ranges:
        seen = [wire.output for wire in codes.answers_in_float(graph)]
        for tensor in seen:
            graph.round_after(tensor, codes.codes_for(*ranges[tensor]), "seen")
    if request.codes or request.integer:
        codes.code_ends(graph)
    if ranges and request.integer:
        seen += codes.code_islands(graph, ranges)
    if request.activations == 16:
        codes.widen(graph)
    codes.put_walls(graph, sample)
    return seen


def main(asked: Path, answered: Path) -> None:
    """Answer the request in ``asked``."""
    try:
        answer: dict[str, Any] = {"seen": build(Request(**json.loads(asked.read_text())))}
    except Unsupported as refusal:
        answer = {"error": str(refusal)}
    answered.write_text(json.dumps(answer))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
