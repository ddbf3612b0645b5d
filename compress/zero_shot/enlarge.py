"""Zero-shot super-resolution under a teacher: kernel, teacher, student, answer, all of one picture.

After ZSSR (Shocher et al., CVPR 2018) and the distillation of Yuan (2022). What is done lies in ``work``, so that a run
that was stopped goes on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from compress.degradation.kernel import Taps
from compress.errors import DataError
from compress.losses.distill import Tap
from compress.models.enhance import to_picture, to_tensor
from compress.schema import Augment, Phase, Train
from compress.stage import Progress
from compress.training.loop import fit
from compress.zero_shot.batches import OwnPlan, Views
from compress.zero_shot.lesson import OwnLesson, Terms, last_hidden
from compress.zero_shot.net import OwnNet, turned_mean
from compress.zero_shot.pairs import OwnPairs
from compress.zero_shot.start import projected, started
from compress.zero_shot.weight import shown, weight

if TYPE_CHECKING:
    from compress.data.source import Picture

_BATCH = 2
_CROP_PX = 32
_DEPTH = 4
_RATE = 1e-3
_RESTORE = 32
_VARIATION = 1e-3


@dataclass(frozen=True)
class ZeroShot:
    """What is trained, how long, and by which terms.

    ``steps`` of the student and as many of the teacher, 0 for the start alone, no network; ``taught``, ``wanted``:
    weights of the teacher's answers at the scale below and at the one that is wanted, both 0 for no teacher at all;
    ``affinity``, ``consistency``, ``restored``, ``variation``: of those terms (``lesson.Terms``). ``projections``: of
    what the networks start from, unless not ``starts_projected``, and of the answer. ``weighed``: the answer has as
    much of what they add as was right where another one had not looked (``weight``); else all.
    """

    scale: int
    steps: int = 200
    width: int = 32
    teacher_width: int = 48
    taught: float = 0.5
    wanted: float = 0.5
    affinity: float = 0.005
    consistency: float = 0.3
    restored: float = 0.5
    variation: float = _VARIATION
    projections: int = 8
    starts_projected: bool = True
    weighed: bool = True
    seed: int = 0

    def at_start(self, noise: float) -> int:
        """Projections of the start: one where there is noise, which every one brings nearer to its own strength."""
        return min(1 if noise else self.projections, self.projections) if self.starts_projected else 0


def usual_steps(scale: int) -> int:
    """Steps for one picture: the more it is shrunk, the fewer pixels there are to learn from, and the sooner they are
    learnt by heart."""
    return 400 // scale


def enlarge(picture: Picture, taps: Taps, noise: float, spec: ZeroShot, work: Path, progress: Progress) -> Picture:
    """``picture`` (H, W, 3) uint8 RGB, ``spec.scale`` times as high and wide, by the kernel ``taps`` that made it.

    ``noise``: its deviation in [0, 1]. ``work`` keeps checkpoints; one folder for one picture and spec.
    Raises DataError for a picture of less than 16 ``scale`` pixels a side.
    """
    if min(picture.shape[:2]) < 16 * spec.scale:
        raise DataError(f"a picture of {16 * spec.scale} px a side and more is needed to enlarge it by {spec.scale}")
    x = to_tensor(picture)
    start = started(x, taps, spec.scale, spec.at_start(noise))
    if not spec.steps:
        return to_picture(projected(start, x, taps, spec.scale, 0 if noise else spec.projections))
    pairs = OwnPairs(picture, taps, spec.scale, noise, spec.seed)
    views = _views(pairs, taps, noise, spec)
    share = _weight(views, pairs, taps, spec, work, progress) if spec.weighed else 1.0
    if spec.taught or spec.wanted:
        views = _taught(views, pairs, taps, noise, spec, work, progress)
    student = _seeded(spec, spec.width)
    terms = Terms(
        taught=spec.taught, wanted=spec.wanted, affinity=0.0 if views.features is None else spec.affinity,
        consistency=spec.consistency, variation=spec.variation,
    )  # fmt: skip
    _fit(student, terms, views, pairs, taps, spec, work / "student", progress)
    return to_picture(_answer(student, share, x, start, taps, noise, spec))


def _views(pairs: OwnPairs, taps: Taps, noise: float, spec: ZeroShot) -> Views:
    low = torch.cat([to_tensor(pairs.pair(draw)[0]) for draw in range(len(pairs))])
    given, times = to_tensor(pairs.pair(0)[1]), spec.at_start(noise)
    return Views(
        low=low, low_start=started(low, taps, spec.scale, times), truth=given, given=given,
        start=started(given, taps, spec.scale, times),
    )  # fmt: skip


def _weight(views: Views, pairs: OwnPairs, taps: Taps, spec: ZeroShot, work: Path, progress: Progress) -> float:
    probe = _seeded(spec, spec.width)
    terms = Terms(consistency=spec.consistency, variation=spec.variation)
    _fit(probe, terms, shown(views, spec.scale), pairs, taps, spec, work / "probe", progress)
    share = weight(probe, views, spec.scale)
    progress.say(f"{share:.0%} of what networks add is believed")
    return share


def _taught(
    views: Views, pairs: OwnPairs, taps: Taps, noise: float, spec: ZeroShot, work: Path, progress: Progress
) -> Views:
    """``views`` with what a teacher says of them, after it was trained on them."""
    teacher = _seeded(spec, spec.teacher_width, _RESTORE)
    terms = Terms(restored=spec.restored, variation=spec.variation)
    _fit(teacher, terms, views, pairs, taps, spec, work / "teacher", progress)
    feels, felt, said = Tap(teacher, last_hidden(teacher)), list[torch.Tensor](), list[torch.Tensor]()
    for draw in range(len(views.low)):
        x, start = views.low[draw : draw + 1], views.low_start[draw : draw + 1]
        said.append(turned_mean(teacher, x, start))
        with torch.no_grad():
            teacher(x, start)
        felt.append(feels.take().half())
    feels.handle.remove()
    taught = _answer(teacher, 1.0, views.given, views.start, taps, noise, spec) if spec.wanted else None
    return replace(
        views, low_taught=torch.cat(said), taught=taught, features=torch.cat(felt) if spec.affinity else None
    )


def _answer(
    net: OwnNet, share: float, x: torch.Tensor, start: torch.Tensor, taps: Taps, noise: float, spec: ZeroShot
) -> torch.Tensor:
    """``start`` and a ``share`` of what the mean over all ways to lay ``x`` down adds, made to shrink back to ``x``;
    not where it is noisy, as that would bring the noise back."""
    y = torch.lerp(start, turned_mean(net.eval(), x, start), share)
    return projected(y, x, taps, spec.scale, 0 if noise else spec.projections)


def _seeded(spec: ZeroShot, width: int, restore: int = 0) -> OwnNet:
    torch.manual_seed(spec.seed)
    return OwnNet(width, _DEPTH, spec.scale, restore)


def _fit(
    net: OwnNet, terms: Terms, views: Views, pairs: OwnPairs, taps: Taps, spec: ZeroShot, folder: Path,
    progress: Progress,
) -> None:  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    epochs = spec.steps * min(_BATCH, len(pairs)) / len(pairs)
    phases = (Phase(epochs=epochs, batch=_BATCH, crop=_CROP_PX),)
    train = Train(
        phases=phases, lr=_RATE, ema=0.99, precision="fp32", augment=Augment(flip=True), checkpoint_every_s=20
    )  # fmt: skip
    fit(net, OwnLesson(net, taps, spec.scale, terms), OwnPlan(pairs, views, phases, spec.seed), train, folder, progress)
    net.eval()
