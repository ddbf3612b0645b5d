"""Training under a teacher: what distillation, fine-tuning after pruning and quantization-aware training share."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from compress.data.source import open_data
from compress.losses.distill import Distill
from compress.models.weights import load_net
from compress.schema import DataSpec, DistillSpec, Train
from compress.stage import Progress
from compress.training.course import train_net
from compress.training.guide import consult


def train_under(
    teacher_weights: Path, net: nn.Module, spec: DistillSpec, train: Train, data: DataSpec, seed: int,
    out: Path, scratch: Path, progress: Progress,
) -> None:  # fmt: skip
    """Train ``net`` in place against ground truth and teacher, and write ``curve.json`` into ``out``."""
    teacher = load_net(teacher_weights)
    source = open_data(data, "train")
    guide = consult(teacher, source, spec.hints, scratch, progress)
    channels = tuple(guide.hints(0)[k].shape[0] for k in range(len(spec.hints)))
    torch.manual_seed(seed)
    objective = Distill(spec, net, teacher, channels, torch.rand(1, 3, 64, 64))
    train_net(net, objective, train, data, seed, out, scratch, progress, guide)
