"""Objectives: supervised, and knowledge distillation with masked output and feature hints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.hooks import RemovableHandle

from compress.data.batches import ASKED_AT, Batch
from compress.errors import ConfigError
from compress.foreign.adapted import Adapted, listened
from compress.losses.picture import charbonnier, matched, picture_loss
from compress.losses.retinex import Lesson, affinity, lesson_terms
from compress.models.brighten import THUMB_STRIDE
from compress.schema import DistillSpec, PictureLoss
from compress.training.loop import Objective


def answered(net: nn.Module, batch: Batch) -> Tensor:
    """The picture of ``net`` for a batch that may have been shrunk; one from outside has no thumbnail to be told of."""
    stride = () if isinstance(_plain(net), Adapted) else (THUMB_STRIDE // batch.downscale,)
    y: Tensor = net(batch.dark, *stride)
    return y


def _run(net: nn.Module, batch: Batch) -> tuple[Tensor, Batch]:
    """Picture of a batch that may have been shrunk; the thumbnail branch sees what it would at full size.

    And what it is to be compared with: truth and answer as bright as what ``batch.level_of`` was given.
    """
    given: list[Tensor] = []
    with left_out(net, batch.without), _input_kept(net, batch.level_of, given):
        y = answered(net, batch)
    for level in (each.detach().float() for each in given):
        taught = None if batch.taught is None else matched(batch.taught, level)
        batch = replace(batch, bright=matched(batch.bright, level), taught=taught)
    return y.float(), batch


@contextmanager
def _input_kept(net: nn.Module, name: str | None, kept: list[Tensor]) -> Iterator[None]:
    """What the module of that name is given meanwhile goes into ``kept``."""
    if name is None:
        yield
        return
    keep = _plain(net).get_submodule(name).register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    try:
        yield
    finally:
        keep.remove()


@contextmanager
def left_out(net: nn.Module, names: tuple[str, ...]) -> Iterator[None]:
    """The modules of these names answer zeros like their input meanwhile, at no cost."""
    modules = [_plain(net).get_submodule(name) for name in names]
    for module in modules:
        module.forward = partial(_zeros, module)
    try:
        yield
    finally:
        for module in modules:
            del module.forward


def _zeros(module: nn.Module, given: Tensor, *_rest: object) -> Tensor:
    """Zeros like the first of what the module is given.

    Of no influence and with gradients of zero for all parameters: a group waits for every one of them."""
    nothing: Tensor = torch.stack([parameter.sum() for parameter in module.parameters()]).sum() * 0.0
    return torch.zeros_like(given) + nothing.to(given.dtype)


def _plain(net: nn.Module) -> nn.Module:
    return net.module if isinstance(net, DistributedDataParallel) else net


def _of(weights: PictureLoss, batch: Batch) -> PictureLoss:
    """Weights for a batch: where the truth is as bright as the picture should be, that is what is compared."""
    return weights if batch.level_of is None else weights.model_copy(update={"matched": 0.0})


Loss = Callable[[Tensor, Tensor, PictureLoss], tuple[Tensor, dict[str, Tensor]]]
"""Of an answer and its truth: a task's (``compress.tasks.base.Task.loss``)."""


class Supervised(Objective):
    """A task's loss against the ground truth."""

    def __init__(self, weights: PictureLoss, loss: Loss = picture_loss) -> None:
        super().__init__()
        self.weights, self.loss = weights, loss

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        y, batch = _run(net, batch)
        return _in_float(lambda: self.loss(y, batch.bright, _of(self.weights, batch)), batch)


def _in_float(work: Callable[[], tuple[Tensor, dict[str, Tensor]]], batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    with torch.autocast(batch.dark.device.type, enabled=False):
        return work()


class Tap:
    """Keeps the last output of a named module of a network."""

    def __init__(self, net: nn.Module, name: str) -> None:
        self.seen: Tensor | None = None
        self.name = name
        self.handle: RemovableHandle = net.get_submodule(name).register_forward_hook(self._keep)

    def _keep(self, _module: nn.Module, _inputs: object, output: object) -> None:
        """Raises ConfigError for a module whose output is no picture of features."""
        if not isinstance(output, Tensor) or output.dim() != 4:
            shape = "x".join(map(str, output.shape)) if isinstance(output, Tensor) else type(output).__name__
            raise ConfigError((f"distill.hints: '{self.name}' gives {shape}; name a module that gives (N, C, h, w)",))
        self.seen = output

    def take(self) -> Tensor:
        assert self.seen is not None, "the tapped module did not run"
        seen, self.seen = self.seen, None
        return seen


class Distill(Objective):
    """Ground truth and a teacher together.

    ``L = (1-a) picture(y, truth) + a charbonnier_m(y, taught) + sum_k w_k |A_k f_k - t_k|_1 / |t_k|_1 + retinex_m``
    with ``a`` the output weight, ``m`` the mask of pixels where the teacher is nearer to the truth
    than the student is (4x4 block means), ``A_k`` learned 1x1 adapters (Romero et al., ICLR 2015). Hints by affinity
    and the terms of Retinex-KD are as ``losses.retinex`` has them. ``w_k`` falls to ``hints_end`` of itself by half a
    cosine. Without the mask a student cannot pass its teacher.

    A batch that ``asks`` gets the teacher's answer to a copy of itself at an eighth of the full size. What exposure its
    own training pictures need a teacher knows by heart; what it says of a zoomed, mirrored or darkened one it has to
    work out, and that is the function to learn (Beyer et al., CVPR 2022). So the truth is compared at equal brightness
    then, and ``level_weight |log mean(y) - log mean(taught)|`` is added: the teacher alone says how bright.

    In a batch with ``level_of`` truth and answer are made as bright as the picture that this module is given: what the
    module is to repair, and nothing of how bright, which its part of the network can't know (ADR 0016).
    """

    def __init__(
        self, spec: DistillSpec, net: nn.Module, teacher: nn.Module, sample: Tensor, loss: Loss = picture_loss
    ) -> None:
        """``sample`` (N, 3, h, w) shows how many channels the hinted modules have."""
        super().__init__()
        self.spec, self.loss = spec, loss
        self._teacher = (teacher.eval(),)  # in a tuple: no part of what is trained and checkpointed
        self._said = [Tap(listened(teacher), hint.teacher) for hint in spec.hints]
        self.taps = [Tap(net, hint.student) for hint in spec.hints]
        with torch.no_grad():
            net(sample)
            if spec.hints:  # without any, its answer to noise of this size tells nothing, and it may take no such size
                teacher(sample, *(() if isinstance(teacher, Adapted) else (THUMB_STRIDE,)))
        inside, outside = ([tap.take().shape[1] for tap in taps] for taps in (self.taps, self._said))
        self.adapters = nn.ModuleList(
            nn.Conv2d(i, o, 1) if hint.by == "values" else nn.Identity()
            for hint, i, o in zip(spec.hints, inside, outside, strict=True)
        )

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        for tap in self.taps:  # of pictures that the network was evaluated on
            tap.seen = None
        brightened: list[Tensor] = []
        with _input_kept(net, self.spec.retinex.step if self.spec.retinex.illumination else None, brightened):
            y, batch = _run(net, batch)
        taught, hints = self._ask(batch) if batch.asks else (batch.taught, batch.hints)
        assert taught is not None, "distillation without a guide"
        places = zip(self.adapters, self.taps, hints, strict=True)
        ran = {k: place for k, place in enumerate(places) if place[1].seen is not None}  # others were left out
        features = {k: adapter(_shrunk(tap.take(), wanted)) for k, (adapter, tap, wanted) in ran.items()}
        weights = _of(self.spec.loss, batch)

        def loss() -> tuple[Tensor, dict[str, Tensor]]:
            lesson = self._asked(y, taught, batch) if batch.asks else self._told(y, taught, batch)
            total, parts = (self._asked_terms if batch.asks else self._told_terms)(lesson, y, batch.bright, weights)
            for k, mine in features.items():
                parts[f"hint{k}"] = self._hint_loss(k, mine.float(), hints[k], lesson.mask)
                total = total + fading(batch.done, self.spec.hints_end) * self.spec.hints[k].weight * parts[f"hint{k}"]
            more, named = lesson_terms(self.spec.retinex, lesson, brightened[0].float() if brightened else None)
            return total + more, parts | named

        return _in_float(loss, batch)

    def _hint_loss(self, k: int, mine: Tensor, theirs: Tensor, mask: Tensor) -> Tensor:
        if self.spec.hints[k].by == "affinity":
            return affinity(mine, theirs, mask)
        return (mine - theirs).abs().mean() / theirs.abs().mean().clamp(min=1e-6)

    @torch.no_grad()
    def _ask(self, batch: Batch) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The teacher's picture of an eighth of the full size, and its features.

        One from outside has no stride to be told: it is asked at the full size, and its answer shrunk (ADR 0026).
        """
        teacher, shrink = self._teacher[0].to(batch.dark.device), ASKED_AT // batch.downscale
        taught: Tensor
        if isinstance(teacher, Adapted):
            taught = F.avg_pool2d(teacher(batch.dark), shrink)
        else:
            taught = teacher(F.avg_pool2d(batch.dark, shrink), THUMB_STRIDE // ASKED_AT)
        return taught.float(), tuple(tap.take().float() for tap in self._said)

    def _told(self, y: Tensor, taught: Tensor, batch: Batch) -> Lesson:
        """Of the stored answer, at the batch's size."""
        return Lesson(y, taught, batch.dark, self._mask(taught, y.detach(), batch.bright), batch.downscale)

    def _asked(self, y: Tensor, taught: Tensor, batch: Batch) -> Lesson:
        """Of the answer to an eighth of the full size, and as bright as the truth where it is judged."""
        shrink = y.shape[-1] // taught.shape[-1]
        small, truth, dark = (F.avg_pool2d(picture, shrink) for picture in (y, batch.bright, batch.dark))
        mask = self._mask(matched(taught, truth), matched(small.detach(), truth), truth)
        return Lesson(small, taught, dark, mask, ASKED_AT)

    def _told_terms(
        self, lesson: Lesson, y: Tensor, truth: Tensor, weights: PictureLoss
    ) -> tuple[Tensor, dict[str, Tensor]]:
        a = self.spec.output_weight
        truth_loss, parts = self.loss(y, truth, weights)
        taught_loss = charbonnier(lesson.y, lesson.taught, lesson.mask)
        return (1 - a) * truth_loss + a * taught_loss, parts | {
            "taught": taught_loss, "taught_share": lesson.mask.mean(),
        }  # fmt: skip

    def _asked_terms(
        self, lesson: Lesson, y: Tensor, truth: Tensor, weights: PictureLoss
    ) -> tuple[Tensor, dict[str, Tensor]]:
        matched_only = weights.model_copy(update={"matched": 1.0})
        total, parts = self._told_terms(lesson, y, truth, matched_only)
        level = (_log_mean(lesson.y) - _log_mean(lesson.taught)).abs().mean()
        return total + self.spec.level_weight * level, parts | {"asked_level": level}

    def _mask(self, taught: Tensor, y: Tensor, truth: Tensor) -> Tensor:
        """(N, 1, H, W): where the teacher is listened to."""
        return better(taught, y, truth) if self.spec.mask_worse else torch.ones_like(y[:, :1])


def fading(done: float, end: float) -> float:
    """Half a cosine from 1, at ``done`` 0, to ``end``, at ``done`` 1."""
    return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * done))


def better(one: Tensor, other: Tensor, truth: Tensor) -> Tensor:
    """(N, 1, H, W) of 0 and 1: where the 4x4 block error of ``one`` is not above that of ``other``."""
    better = (_block_error(one, truth) <= _block_error(other, truth)).float()
    return F.interpolate(better, size=list(truth.shape[2:]), mode="nearest")


def _log_mean(pictures: Tensor) -> Tensor:
    """Log of the mean brightness of each, (N,)."""
    return torch.log(pictures.mean((1, 2, 3)).clamp(min=1e-3))


def _shrunk(feature: Tensor, wanted: Tensor) -> Tensor:
    """``feature`` (N, C, h, w) averaged to the size of the teacher's ``wanted`` (N, C', h', w')."""
    return F.interpolate(feature, size=list(wanted.shape[2:]), mode="area")


def _block_error(picture: Tensor, truth: Tensor) -> Tensor:
    """L1 error of 4x4 blocks, (N, 1, H/4, W/4)."""
    return F.avg_pool2d((picture - truth).abs().mean(1, keepdim=True), 4)
