"""Zero-shot super-resolution under a teacher: kernel, teacher, student, answer, all of one picture.

After ZSSR (Shocher et al., CVPR 2018) and the distillation of Yuan (2022). What is done lies in ``work``, so that a run
that was stopped goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from compress.data.batches import BatchPlan
from compress.degradation.kernel import Taps, shrunk
from compress.errors import DataError
from compress.losses.degraded import Consistent, Restored
from compress.losses.distill import Distill, Supervised
from compress.models import build_net
from compress.models.enhance import padded_for, to_picture, to_tensor
from compress.schema import Augment, DistillSpec, Hint, Phase, PictureLoss, Train
from compress.stage import Progress
from compress.training.guide import consult
from compress.training.loop import Objective, fit
from compress.zero_shot.pairs import OwnPairs

if TYPE_CHECKING:
    from compress.data.source import Picture

_BATCH = 4
_DEPTH = 4
_LOSS = PictureLoss(charbonnier=1.0, ssim=0.0, total_variation=1e-3)


@dataclass(frozen=True)
class ZeroShot:
    """What is trained, how long, and by which terms.

    ``steps`` of the student and half as many of the teacher; ``taught``: share of the teacher's output, 0 for no
    teacher at all; ``affinity``, ``consistency``, ``restored``: weights of those terms.
    """

    scale: int
    steps: int = 1000
    width: int = 32
    teacher_width: int = 64
    taught: float = 0.5
    affinity: float = 0.1
    consistency: float = 1.0
    restored: float = 0.5
    back_projections: int = 8
    seed: int = 0


def enlarge(picture: Picture, taps: Taps, noise: float, spec: ZeroShot, work: Path, progress: Progress) -> Picture:
    """``picture`` (H, W, 3) uint8 RGB, ``spec.scale`` times as high and wide, by the kernel ``taps`` that made it.

    ``noise``: its deviation in [0, 1]. ``work`` keeps checkpoints; one folder for one picture and spec.
    Raises DataError for a picture of less than 16 ``scale`` pixels a side.
    """
    if min(picture.shape[:2]) < 16 * spec.scale:
        raise DataError(f"a picture of {16 * spec.scale} px a side and more is needed to enlarge it by {spec.scale}")
    pairs = OwnPairs(picture, taps, spec.scale, noise, spec.seed)
    torch.manual_seed(spec.seed)
    teacher = _teacher(pairs, spec, work, progress) if spec.taught else None
    torch.manual_seed(spec.seed)
    student = build_net("anchor_cnn", {"width": spec.width, "depth": _DEPTH, "scale": spec.scale})
    objective: Objective = Supervised(_LOSS)
    guide = None
    if teacher is not None:
        place = f"repair.middle{_DEPTH - 1}"
        hints = (Hint(teacher=f"enlarge.{place}", student=place, weight=spec.affinity, by="affinity"),)
        lesson = DistillSpec(loss=_LOSS, output_weight=spec.taught, hints=hints if spec.affinity else ())
        objective = Distill(lesson, student, teacher, torch.rand(1, 3, 64, 64))
        guide = consult(teacher, pairs, lesson.hints, _folder(work, "student"), progress)
    if spec.consistency:
        objective = Consistent(objective, taps, spec.scale, spec.consistency)
    train = _train(spec.steps, 2e-3)
    plan = BatchPlan(pairs, train.phases, train.augment, spec.seed, guide)
    fit(student, objective, plan, train, _folder(work, "student"), progress)
    answer = _turned_mean(student.eval(), to_tensor(picture))
    return to_picture(_projected(answer, to_tensor(picture), taps, spec, noise))


def _teacher(pairs: OwnPairs, spec: ZeroShot, work: Path, progress: Progress) -> nn.Module:
    settings = {"width": spec.teacher_width, "depth": _DEPTH, "scale": spec.scale}
    net = build_net("restored_anchor", settings)
    objective: Objective = Supervised(_LOSS)
    if spec.restored:
        objective = Restored(objective, net, spec.scale, spec.restored)
    train = _train(spec.steps // 2, 1e-3)
    plan = BatchPlan(pairs, train.phases, train.augment, spec.seed)
    fit(net, objective, plan, train, _folder(work, "teacher"), progress)
    return net.eval()


def _train(steps: int, rate: float) -> Train:
    epochs = steps * _BATCH / 8
    phases = (Phase(epochs=epochs, batch=_BATCH, crop=48),)
    return Train(phases=phases, lr=rate, ema=0.99, precision="fp32", augment=Augment(flip=True), checkpoint_every_s=20)


def _folder(work: Path, name: str) -> Path:
    (work / name).mkdir(parents=True, exist_ok=True)
    return work / name


@torch.no_grad()
def _turned_mean(net: nn.Module, x: Tensor) -> Tensor:
    """Mean of the answers to ``x`` (1, 3, H, W), turned and mirrored in all eight ways, each turned back."""
    scale, total = int(net.scale), None  # type: ignore[arg-type]
    for turns in range(4):
        for mirrored in (False, True):
            seen = torch.rot90(x, turns, (2, 3))
            seen = seen.flip(3) if mirrored else seen
            y = net(padded_for(net, seen))[..., : scale * seen.shape[2], : scale * seen.shape[3]]
            y = torch.rot90(y.flip(3) if mirrored else y, -turns, (2, 3))
            total = y if total is None else total + y
    assert total is not None
    return total / 8


def _projected(y: Tensor, x: Tensor, taps: Taps, spec: ZeroShot, noise: float) -> Tensor:
    """``y`` made to shrink back to ``x``; not where ``x`` is noisy, as that would bring the noise back."""
    if noise > 0:
        return y
    for _ in range(spec.back_projections):
        missing = x - shrunk(y, taps, spec.scale)
        y = (y + nn.functional.interpolate(missing, scale_factor=spec.scale, mode="bicubic")).clamp(0, 1)
    return y
