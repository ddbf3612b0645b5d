"""Take in the trained teacher that is given."""

from __future__ import annotations

import shutil
from pathlib import Path

from compress.artefacts import Teacher
from compress.schema import TeacherSpec
from compress.stage import stage


@stage(gives=Teacher, version=1)
def teacher(teacher: TeacherSpec, out: Path) -> None:
    """Copies the weights after loading them once: what can't be rebuilt is refused here, before training.

    A network from outside is looked through before it is loaded, and tried once (``compress.foreign.taken``).
    """
    if teacher.source.network is not None:
        from compress.foreign.taken import take_in

        take_in(teacher.source, teacher.adapter, out)
        return
    from compress.models.weights import load_net, resolve_weights, save_net

    path = resolve_weights(teacher.weights)
    net = load_net(path, teacher.network)
    if teacher.network is None:
        shutil.copyfile(path, out / "net.safetensors")
    else:
        save_net(net, out / "net.safetensors")
