"""How fast a float network is on this machine, in seconds of work: for pruning to a latency."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions

if TYPE_CHECKING:
    from torch import nn

_RUNS = 15
_OPSET = 18


def float_latency_ms(net: nn.Module, height: int, width: int, threads: int = 2) -> float:
    """Median latency in ms of ``net`` as an OpenVINO FP32 build for one picture, model only, on this machine.

    Raises BuildError when the network can't be exported.
    """
    import numpy as np

    from compress.devices.runner.timing import measure_latency
    from compress.runtimes.interchange import OnnxRequest, export_onnx

    runtime = open_runtime("openvino")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        export_onnx(net, OnnxRequest((height, width), False, _OPSET, {}), folder / "net.onnx")
        files = runtime.build(folder / "net.onnx", "net", folder)
        session = runtime.load(folder, files, RunOptions(threads=threads))
    run = session.prepare(np.full((1, 3, height, width), 0.1, np.float32))
    return statistics.median(measure_latency({"net": run}, 3, _RUNS)["net"])
