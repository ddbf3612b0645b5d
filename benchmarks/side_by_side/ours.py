"""The float student through each runtime, which all rows are compared with, and what compress makes of it."""

from __future__ import annotations

from compress.records import RuntimeName
from side_by_side.peer import FLOAT, OURS_PTQ, TRAINED, Job, Make, Row, versions_of

FLOAT_TFLITE = "fp32-tflite"

_SDKS: dict[RuntimeName, tuple[str, ...]] = {
    "openvino": ("openvino",), "onnx": ("onnxruntime",), "tflite": ("ai-edge-litert",),
}  # fmt: skip


def _build(job: Job, name: str, runtime: RuntimeName, kind: str) -> tuple[str, ...]:
    from compress.runtimes import open_runtime
    from compress.runtimes.base import BuildOptions
    from compress.tflite_kind import TfliteKind

    source = {"fp32": job.onnx, "qat": job.trained, "ptq": job.untrained}[kind]
    # Float pictures at both ends of all TFLite files, so that they are timed alike.
    frames, ends = None if kind == "fp32" else job.frames, TfliteKind(ends="float32")
    return open_runtime(runtime).build(source, name, job.folder, BuildOptions(calibration=frames, tflite=ends))


def _make(runtime: RuntimeName, kind: str) -> Make:
    return lambda job, name: _build(job, name, runtime, kind)


def _row(runtime: RuntimeName, kind: str) -> Row:
    tool, scope, settings = {
        "fp32": ("float student", FLOAT, "float32"),
        "qat": ("compress (QAT)", TRAINED, "NNCF QAT under the teacher; min-max ranges, per-channel weights"),
        "ptq": ("compress (PTQ only)", OURS_PTQ, "the same ranges before training, the control"),
    }[kind]
    ends = ", float32 ends" if runtime == "tflite" else ""
    distributions = _SDKS[runtime] if kind == "fp32" else ("nncf", *_SDKS[runtime])
    return Row(f"{kind}-{runtime}", tool, runtime, scope, settings + ends, versions_of(*distributions),
               _make(runtime, kind), ("ours.py",))  # fmt: skip


FLOAT_ROWS = tuple(_row(runtime, "fp32") for runtime in _SDKS)
ROWS = tuple(_row(runtime, kind) for runtime in _SDKS for kind in ("ptq", "qat"))
