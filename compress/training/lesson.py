"""What a network learns from a teacher, by task: the objective, and what the teacher said beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from compress.artefacts import Labels
from compress.data.batches import Guide
from compress.data.source import PairSource, open_data
from compress.data.truth import seen_by
from compress.losses.distill import Distill, Loss
from compress.schema import DataSpec, DistillSpec, Train
from compress.stage import Progress
from compress.training.guide import TruthGuide, consult
from compress.training.loop import Objective


@dataclass(frozen=True)
class Lesson:
    """Who teaches whom, how and on what."""

    teacher: nn.Module
    net: nn.Module
    spec: DistillSpec
    train: Train
    data: DataSpec
    seed: int
    scratch: Path
    progress: Progress
    labels: Labels | None = None


def picture_lesson(lesson: Lesson, loss: Loss) -> tuple[Objective, Guide | None]:
    """Of frames without ground truth the teacher's pictures, ``labels``, are both truth and guide.

    Not of those that a kernel made smaller: there the frame is the truth, and the teacher is asked.
    """
    guide: Guide | None = None
    if not all(phase.ask for phase in lesson.train.phases):
        source = open_data(lesson.data, "train", lesson.labels)
        hints = lesson.spec.hints
        labelled = lesson.labels is not None and lesson.labels.kernel is None
        asked = hints or not labelled
        seen = seen_by(lesson.spec.teacher_sees, source)
        assert isinstance(seen, PairSource)
        stored = consult(lesson.teacher, seen, hints, lesson.scratch, lesson.progress) if asked else None
        guide = TruthGuide(source, stored) if labelled else stored
    torch.manual_seed(lesson.seed)
    return Distill(lesson.spec, lesson.net, lesson.teacher, torch.rand(1, 3, 64, 64), loss), guide
