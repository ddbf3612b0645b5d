"""Take in the user's own network as the one that ships."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import Student
from compress.schema import ExportSpec, StudentSpec
from compress.stage import Progress, stage

if TYPE_CHECKING:
    from compress.foreign.adapted import Adapted


@stage(gives=Student, version=1, environment=("torch",))
def student(student: StudentSpec, out: Path, progress: Progress) -> None:
    """Writes ``foreign.json`` and the network's files (``compress.foreign.taken``).

    It is looked through before it is loaded, tried once, and refused with NetworkError where one run does not tell all
    about it (what would be quantized and exported would be that one run), or where it can't be written as ONNX, which
    all builds start from. Norms are folded (ADR 0030).
    """
    from compress.foreign.folding import fold_norms
    from compress.foreign.kept import keep_changed
    from compress.foreign.taken import take_in
    from compress.models.tracing import find_probe, path_problem

    net = take_in(student.source, student.adapter, out, student=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of somebody else's code
        probe = find_probe(net, net.only_size or (64, 64))
        path_problem(net, probe)
        folded = fold_norms(net, "inner")
    if folded:
        keep_changed(net, out, folded)
        progress.say(f"folded {len(folded)} norms into the convolutions before them")
    _try_export(net, (probe.shape[2], probe.shape[3]), progress)
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
