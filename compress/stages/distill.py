"""Distil the teacher into the student."""

from __future__ import annotations

from pathlib import Path

from compress.artefacts import Labels, Student, Teacher
from compress.schema import DataSpec, DistillSpec, Seed, StudentSpec
from compress.stage import Progress, stage


@stage(gives=Student, version=1, environment=("torch",))
def distill(
    teacher: Teacher, student: StudentSpec, distill: DistillSpec, data: DataSpec, seed: Seed,
    out: Path, scratch: Path, progress: Progress, labels: Labels | None = None,
) -> None:  # fmt: skip
    """Writes ``net.safetensors`` and ``curve.json``.

    Output and feature distillation, masked where the teacher is the worse one (``losses.distill``).
    """
    import torch

    from compress.models.student import student_to_train, trained_student
    from compress.models.weights import save_net
    from compress.training.under_teacher import train_under

    torch.manual_seed(seed.seed)
    net = student_to_train(student)
    train_under(teacher.weights, net, distill, distill.train, data, seed.seed, out, scratch, progress, labels)
    save_net(trained_student(net), out / "net.safetensors")
