"""Take in the user's own network as the one that ships."""

from __future__ import annotations

import warnings
from pathlib import Path

from compress.artefacts import Student
from compress.schema import StudentSpec
from compress.stage import Progress, stage


@stage(gives=Student, version=1, environment=("torch",))
def student(student: StudentSpec, out: Path, progress: Progress) -> None:
    """Writes ``foreign.json`` and the network's files (``compress.foreign.taken``).

    It is looked through before it is loaded, tried once, and refused with NetworkError where one run does not tell all
    about it: what would be quantized and exported would be that one run. Norms are folded (ADR 0030).
    """
    from compress.foreign.folding import fold_norms
    from compress.foreign.kept import keep_changed
    from compress.foreign.taken import take_in
    from compress.models.tracing import find_probe, path_problem

    net = take_in(student.source, student.adapter, out, student=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of somebody else's code
        path_problem(net, find_probe(net, (64, 64)))
        folded = fold_norms(net, "inner")
    if folded:
        keep_changed(net, out, folded)
        progress.say(f"folded {len(folded)} norms into the convolutions before them")
    parameters = sum(each.numel() for each in net.parameters())
    progress.say(f"took in {net.name}: {parameters:,} parameters")
