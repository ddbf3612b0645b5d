"""NNCF's post-training quantization with its OpenVINO backend.

``nncf.quantize`` on the OpenVINO model, fast bias correction on, as
docs/usage/post_training_compression/post_training_quantization/Usage.md of NNCF shows. Its default preset
(performance) has symmetric activations; NNCF recommends ``mixed`` for networks with activations that are not ReLU.
"""

from __future__ import annotations

import os
from typing import Any

from side_by_side.peer import ISLANDS, WHOLE, Job, Make, Row, versions_of

os.environ.setdefault("NNCF_CI", "1")  # before its first import; without it, it makes a telemetry client

_COMMON = "OpenVINO backend, fast bias correction, per-channel weights"


def _make(preset: str, whole: bool) -> Make:
    def make(job: Job, name: str) -> tuple[str, ...]:
        import nncf
        import numpy as np
        import openvino

        from compress.runtimes import open_runtime

        model = openvino.Core().read_model(str(job.onnx))
        frames = np.load(job.frames, mmap_mode="r")
        ignored = None if whole else nncf.IgnoredScope(names=_islands(model, job.int8_nodes), validate=False)
        quantized = nncf.quantize(
            model, nncf.Dataset([np.array(frame[None]) for frame in frames]), subset_size=len(frames),
            preset=nncf.QuantizationPreset(preset), ignored_scope=ignored,
        )  # fmt: skip
        source = job.folder / f"{name}.source.xml"
        openvino.save_model(quantized, str(source), compress_to_fp16=False)
        return open_runtime("openvino").build(source, name, job.folder)

    return make


def _islands(model: Any, int8: tuple[str, ...]) -> list[str]:
    """Every operation that stands for none of the ``int8`` nodes; a layer's bias is added by one of its own."""
    kept = {*int8, *(f"{name}/WithoutBiases" for name in int8)}
    kinds = ("Constant", "Parameter", "Result")
    return [op.get_friendly_name() for op in model.get_ops()
            if op.get_type_name() not in kinds and op.get_friendly_name() not in kept]  # fmt: skip


_VERSION = versions_of("nncf", "openvino")

_SOURCES = ("nncf_ptq.py",)

ROWS = (
    Row("nncf", "NNCF PTQ", "openvino", WHOLE, f"preset performance (default); {_COMMON}", _VERSION,
        _make("performance", True), _SOURCES),
    Row("nncf-mixed", "NNCF PTQ mixed", "openvino", WHOLE, f"preset mixed; {_COMMON}", _VERSION,
        _make("mixed", True), _SOURCES),
    Row("nncf-islands", "NNCF PTQ mixed", "openvino", ISLANDS, f"preset mixed, IgnoredScope; {_COMMON}", _VERSION,
        _make("mixed", False), _SOURCES),
)  # fmt: skip
