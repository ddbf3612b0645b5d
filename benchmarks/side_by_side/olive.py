"""Olive's ``OnnxStaticQuantization`` through its own workflow file, in an environment of its own (``make peers``).

The pass's defaults (int8 weights and activations, QDQ, MinMax, its own preprocessing and QDQ configuration) but for
per-channel weights, so that granularity is not what the rows differ by.

Its preprocessing is ONNX Runtime's with symbolic shape inference, which fails on our graph (see ``ort_static``). Olive
then goes on with the file as it was, quantizes the graph's Constant nodes, the scales of Resize among them, and leaves
a file that does not run. So it is given the file that ONNX Runtime's preprocessing leaves without symbolic shapes,
where constants are initializers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from compress.errors import BuildError
from compress.records import Record
from compress.stage import Progress
from compress.toolchains import TOOLCHAINS, Toolchain
from compress.toolchains.environment import State
from side_by_side.islands import island_nodes
from side_by_side.ort_static import pre_process
from side_by_side.peer import ISLANDS, WHOLE, Job, Make, Row

_HERE = Path(__file__).parent
_TIMEOUT_S = 3600.0
_NAME: Any = "olive"  # not among the toolchains that compress itself knows

OLIVE = Toolchain(
    _NAME, "Olive, a peer in the benchmark", "olive-ai", ("3.11", "3.12", "3.13"),
    "import onnxruntime, olive.workflows", ("torch==2.13.0",), _HERE / "olive.txt", "make peers",
)  # fmt: skip


@contextmanager
def registered() -> Iterator[None]:
    """Olive's environment among the toolchains for a while: their maker and their way to call, no part of compress."""
    TOOLCHAINS[_NAME] = OLIVE
    try:
        yield
    finally:
        del TOOLCHAINS[_NAME]


def set_up(progress: Progress) -> State:
    """Make the environment unless it is ready. Raises ToolchainError."""
    from compress.toolchains.making import make

    with registered():
        return make(_NAME, progress)


class Request(Record):
    """What the worker is asked; paths are absolute. ``exclude``: nodes that stay float."""

    onnx: str
    frames: str
    folder: str
    exclude: tuple[str, ...]


class Answer(Record):
    """The file that Olive wrote."""

    onnx: str


def _make(whole: bool) -> Make:
    def make(job: Job, name: str) -> tuple[str, ...]:
        from compress.toolchains.call import run_worker

        source = pre_process(job)
        exclude = () if whole else tuple(island_nodes(source, job.int8_nodes))
        place = job.folder / f"{name}.workflow"
        place.mkdir(exist_ok=True)
        request = Request(onnx=str(source), frames=str(job.frames), folder=str(place), exclude=exclude)
        with registered():
            answer = run_worker(_NAME, "olive_workflow", request, Answer, _TIMEOUT_S, _HERE / "workers")
        written = Path(answer.onnx)
        if not written.is_file():
            raise BuildError(f"Olive names {written}, which is no file")
        written.replace(job.folder / f"{name}.onnx")
        return (f"{name}.onnx",)

    return make


def _version() -> str:
    from importlib import metadata

    from compress.toolchains.lock import read_lock

    locked = read_lock(OLIVE).versions
    there = metadata.version("onnxruntime")
    return f"olive-ai {locked['olive-ai']} with onnxruntime {locked['onnxruntime']}, run by onnxruntime {there}"


_SETTINGS = "pass OnnxStaticQuantization, per_channel, else defaults (int8, QDQ, MinMax), on the file of the ort rows"

_SOURCES = ("olive.py", "workers/olive_workflow.py", "workers/olive_frames.py")

ROWS = (
    Row("olive", "Olive PTQ", "onnx", WHOLE, _SETTINGS, _version, _make(True), _SOURCES),
    Row("olive-islands", "Olive PTQ", "onnx", ISLANDS, f"{_SETTINGS}, nodes_to_exclude", _version, _make(False),
        _SOURCES),
)  # fmt: skip
