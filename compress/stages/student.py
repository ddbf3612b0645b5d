"""Take in the user's own network as the one that ships."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import Student
from compress.schema import ExportSpec, StudentSpec
from compress.stage import Progress, stage

if TYPE_CHECKING:
    from compress.foreign.adapted import Adapted


@stage(gives=Student, version=1, environment=("torch",))
def student(student: StudentSpec, out: Path, progress: Progress) -> None:
    """Writes what ``compress.foreign.brought`` does.

    Raises what that raises, and NetworkError where it can't be written as ONNX, which all builds start from.
    """
    from compress.foreign.brought import bring_in

    brought = bring_in(student.source, student.adapter, out)
    net = brought.net
    if brought.folded:
        progress.say(f"folded {brought.folded} norms into the convolutions before them")
    if brought.left_float:
        progress.say(f"recurrent layers can't be quantized and stay float: {', '.join(brought.left_float)}")
    _try_export(net, brought.size, progress)
    parameters = sum(each.numel() for each in net.parameters())
    progress.say(f"took in {net.name}: {parameters:,} parameters")


def _try_export(net: Adapted, size: tuple[int, int], progress: Progress) -> None:
    """Before hours of training: whether builds can be made of it at all."""
    from compress.errors import BuildError, NetworkError
    from compress.runtimes.interchange import OnnxRequest, export_onnx

    progress.say("tries whether it can be written as ONNX")
    request = OnnxRequest(size, False, ExportSpec().opset, {})
    with tempfile.TemporaryDirectory() as folder:
        try:
            export_onnx(net, request, Path(folder) / "tried.onnx")
        except BuildError as error:
            way = "write that part otherwise, or leave the network whole and distil it into a student"
            raise NetworkError(f"{net.name}: no build can be made of it: {error}; {way}") from None
