"""ai-edge-quantizer's static recipe on the float TFLite file; it lives in the converter's environment.

``recipe.static_wi8_ai8()``: int8 activations, per-channel int8 weights, min-max. Pictures go in and out as float32, as
in the float file, so that both are timed alike; the file quantizes them itself.
"""

from __future__ import annotations

from pathlib import Path

from compress.records import Record
from compress.toolchains import TOOLCHAINS
from side_by_side.ours import FLOAT_TFLITE
from side_by_side.peer import ISLANDS, WHOLE, Job, Make, Row

_TIMEOUT_S = 3600.0


class Request(Record):
    """What the worker is asked; paths are absolute. ``only``: nodes to quantize, None: all that it can."""

    tflite: str
    frames: str
    out: str
    only: tuple[str, ...] | None
    threads: int


class Answer(Record):
    """Where the file lies."""

    out: str


def _make(whole: bool) -> Make:
    def make(job: Job, name: str) -> tuple[str, ...]:
        from compress.toolchains.call import run_worker

        request = Request(
            tflite=str(job.folder / f"{FLOAT_TFLITE}.tflite"), frames=str(job.frames),
            out=str(job.folder / f"{name}.tflite"), only=None if whole else job.int8_nodes, threads=job.threads,
        )  # fmt: skip
        run_worker("tflite", "ai_edge", request, Answer, _TIMEOUT_S, Path(__file__).with_name("workers"))
        return (f"{name}.tflite",)

    return make


def _version() -> str:
    from importlib import metadata

    from compress.toolchains.lock import read_lock

    locked = read_lock(TOOLCHAINS["tflite"]).versions["ai-edge-quantizer"]
    return f"ai-edge-quantizer {locked}, ai-edge-litert {metadata.version('ai-edge-litert')}"


_SETTINGS = "recipe static_wi8_ai8, float32 ends"

_SOURCES = ("ai_edge.py", "workers/ai_edge.py")

ROWS = (
    Row("ai-edge", "ai-edge-quantizer PTQ", "tflite", WHOLE, _SETTINGS, _version, _make(True), _SOURCES),
    Row("ai-edge-islands", "ai-edge-quantizer PTQ", "tflite", ISLANDS, f"{_SETTINGS}, for our int8 layers only",
        _version, _make(False), _SOURCES),
)  # fmt: skip
