"""ONNX Runtime's ``quantize_static`` after its ``quant_pre_process``.

QDQ, min-max, u8 activations and s8 weights without reduced range, as the docstring of ``quantize_static`` recommends
for x86-64 with VNNI; per-channel weights, which it names for accuracy. Of the preprocessing, symbolic shape inference
is left out: ONNX Runtime 1.31.1 fails in it on our graph (TypeError in _infer_Concat), and its documentation calls it
most effective for transformers. ONNX shape inference and graph optimization run.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from side_by_side.islands import island_nodes
from side_by_side.peer import ISLANDS, WHOLE, Job, Make, Row, versions_of


@contextmanager
def _its_modules() -> Iterator[None]:
    """ONNX Runtime's modules import each other by bare name, from a folder that its package puts on the path once.

    ``compress.runtimes.half`` takes it off again, so it is put there for as long as they are imported.
    """
    before = list(sys.path)
    if (package := find_spec("onnxruntime.transformers")) is not None:
        sys.path.extend(package.submodule_search_locations or ())
    try:
        yield
    finally:
        sys.path[:] = before


def pre_process(job: Job) -> Path:
    """The float file after ``quant_pre_process``, made once."""
    path = job.folder / "ort-preprocessed.onnx"
    if not path.exists():
        with _its_modules():
            from onnxruntime.quantization.shape_inference import quant_pre_process

        quant_pre_process(str(job.onnx), str(path), skip_symbolic_shape=True)
    return path


def _reader(frames: Any) -> Any:
    import numpy as np
    from onnxruntime.quantization import CalibrationDataReader

    class Frames(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = iter(frames)

        def get_next(self) -> Any:
            frame = next(self._left, None)
            return None if frame is None else {"dark": np.array(frame[None])}

    return Frames()


def _make(whole: bool) -> Make:
    def make(job: Job, name: str) -> tuple[str, ...]:
        import numpy as np

        with _its_modules():
            from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static

        source = pre_process(job)
        quantize_static(
            str(source), str(job.folder / f"{name}.onnx"), _reader(np.load(job.frames, mmap_mode="r")),
            quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=False,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=None if whole else island_nodes(source, job.int8_nodes),
        )  # fmt: skip
        return (f"{name}.onnx",)

    return make


_SETTINGS = "quant_pre_process without symbolic shapes, QDQ, u8 activations, s8 per-channel weights, MinMax"
_VERSION = versions_of("onnxruntime")

_SOURCES = ("ort_static.py",)

ROWS = (
    Row("ort", "ONNX Runtime static PTQ", "onnx", WHOLE, _SETTINGS, _VERSION, _make(True),
        _SOURCES),
    Row("ort-islands", "ONNX Runtime static PTQ", "onnx", ISLANDS, f"{_SETTINGS}, nodes_to_exclude", _VERSION,
        _make(False), _SOURCES),
)  # fmt: skip
