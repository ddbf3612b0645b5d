"""Training under a teacher: what distillation, fine-tuning after pruning and quantization-aware training share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from compress.artefacts import Labels
from compress.degradation.records import KernelReport
from compress.errors import ConfigError
from compress.foreign.adapted import Adapted, listened
from compress.foreign.asking import shrunken_asks
from compress.losses.degraded import Consistent
from compress.losses.itself import Itself
from compress.models.enhance import scale_of
from compress.models.weights import load_net
from compress.schema import DataSpec, DistillSpec, Train
from compress.stage import Progress
from compress.tasks import task_of
from compress.training.course import train_net
from compress.training.lesson import Lesson


@dataclass(frozen=True)
class Before:
    """The network as it was, and the share of its own answer in what it learns (0 to 1)."""

    weights: Path
    share: float


def train_under(
    teacher_weights: Path, net: nn.Module, spec: DistillSpec, train: Train, data: DataSpec, seed: int,
    out: Path, scratch: Path, progress: Progress, labels: Labels | None = None, before: Before | None = None,
) -> None:  # fmt: skip
    """Train ``net`` in place against ground truth, teacher and what it was ``before``, and write ``curve.json``.

    Raises ConfigError for hints and parts of phases that the networks don't have, before any work.
    """
    teacher = load_net(teacher_weights)
    check_names(spec, train, net, teacher)
    lesson = Lesson(teacher, net, spec, train, data, seed, scratch, progress, labels)
    objective, guide = task_of(data).lesson(lesson)
    if before is not None and before.share > 0:
        objective = Itself(objective, net, load_net(before.weights), before.share)
    if spec.consistency and labels is not None and labels.kernel is not None:  # outermost: it asks the network again
        kernel = KernelReport.read(labels.kernel)
        objective = Consistent(objective, kernel.kernel, kernel.scale, spec.consistency)
    train_net(net, objective, train, data, seed, out, scratch, progress, guide, labels)


def check_names(spec: DistillSpec, train: Train, net: nn.Module, teacher: nn.Module) -> None:
    """What can be checked only when the networks are there: names of modules, and whether the teacher can be asked.

    Raises ConfigError, one line for each.
    """
    named = [("distill.hints: teacher", listened(teacher), hint.teacher) for hint in spec.hints]
    named += [("distill.hints: student", net, hint.student) for hint in spec.hints]
    named += [("phases.freeze", net, name) for phase in train.phases for name in phase.freeze]
    named += [("phases.without", net, name) for phase in train.phases for name in phase.without]
    named += [("phases.level_of", net, phase.level_of) for phase in train.phases if phase.level_of]
    if spec.retinex.illumination and spec.retinex.step:
        named.append(("distill.retinex.step", net, spec.retinex.step))
    problems = list(shrunken_asks(train)) if isinstance(teacher, Adapted) else []
    if scale_of(teacher) != scale_of(net):
        problems.append(f"teacher: enlarges by {scale_of(teacher)}, the student by {scale_of(net)}; it can't teach it")
    if spec.teacher_sees == "truth" and any(phase.ask for phase in train.phases):
        problems.append("phases.ask: the teacher sees the truth and can't be asked how bright; leave out ask")
    for key, owner, name in named:
        known = [module for module, _ in owner.named_modules() if module]
        if name not in known:
            problems.append(f"{key}: no module '{name}' in {type(owner).__name__}; there are: {', '.join(known)}")
    if problems:
        raise ConfigError(tuple(dict.fromkeys(problems)))
