"""The no-distillation control: the same student, seed and schedule, without a teacher."""

from __future__ import annotations

from pathlib import Path

from compress.artefacts import Control
from compress.schema import ControlSpec, DataSpec, Seed, StudentSpec
from compress.stage import Progress, stage


@stage(gives=Control, version=1, environment=("torch",))
def control(
    student: StudentSpec, control: ControlSpec, data: DataSpec, seed: Seed,
    out: Path, scratch: Path, progress: Progress,
) -> None:  # fmt: skip
    """Writes ``net.safetensors`` and ``curve.json``."""
    import torch

    from compress.models.student import student_to_train, trained_student
    from compress.models.weights import save_net
    from compress.tasks import task_of
    from compress.training.course import train_net

    torch.manual_seed(seed.seed)
    net = student_to_train(student)
    train_net(net, task_of(data).objective(control.loss), control.train, data, seed.seed, out, scratch, progress)
    save_net(trained_student(net), out / "net.safetensors")
