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
    with _left_out(net, batch.without), _input_kept(net, batch.level_of, given):
        y = answered(net, batch)
    for level in given:
        taught = None if batch.taught is None else matched(batch.taught, level)
        batch = replace(batch, bright=matched(batch.bright, level), taught=taught)
    return y.float(), batch


@contextmanager
def _input_kept(net: nn.Module, name: str | None, kept: list[Tensor]) -> Iterator[None]:
    """What the module of that name is given meanwhile, in float32 and without its gradient, goes into ``kept``."""
    if name is None:
        yield
        return
    keep = (
        _plain(net)
        .get_submodule(name)
        .register_forward_pre_hook(lambda _, given: kept.append(given[0].detach().float()))
    )
    try:
        yield
    finally:
        keep.remove()


@contextmanager
def _left_out(net: nn.Module, names: tuple[str, ...]) -> Iterator[None]:
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

    ``L = (1-a) picture(y, truth) + a charbonnier_m(y, taught) + sum_k w_k |A_k f_k - t_k|_1 / |t_k|_1``
    with ``a`` the output weight, ``m`` the mask of pixels where the teacher is nearer to the truth
    than the student is (4x4 block means), ``A_k`` learned 1x1 adapters (Romero et al., ICLR 2015).
    Without the mask a student cannot pass its teacher. ``w_k`` falls to ``hints_end`` of itself by half a cosine.

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
        self.adapters = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(inside, outside, strict=True))

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        for tap in self.taps:  # of pictures that the network was evaluated on
            tap.seen = None
        y, batch = _run(net, batch)
        taught, hints = self._ask(batch) if batch.asks else (batch.taught, batch.hints)
        assert taught is not None, "distillation without a guide"
        places = zip(self.adapters, self.taps, hints, strict=True)
        ran = {k: place for k, place in enumerate(places) if place[1].seen is not None}  # others were left out
        features = {k: adapter(_shrunk(tap.take(), wanted)) for k, (adapter, tap, wanted) in ran.items()}
        picture_terms = self._asked_terms if batch.asks else self._told_terms
        weights = _of(self.spec.loss, batch)

        def loss() -> tuple[Tensor, dict[str, Tensor]]:
            total, parts = picture_terms(y, taught, batch.bright, weights)
            for k, mine in features.items():
                parts[f"hint{k}"] = (mine.float() - hints[k]).abs().mean() / hints[k].abs().mean().clamp(min=1e-6)
                total = total + fading(batch.done, self.spec.hints_end) * self.spec.hints[k].weight * parts[f"hint{k}"]
            return total, parts

        return _in_float(loss, batch)

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

    def _told_terms(
        self, y: Tensor, taught: Tensor, truth: Tensor, weights: PictureLoss
    ) -> tuple[Tensor, dict[str, Tensor]]:
        a = self.spec.output_weight
        truth_loss, parts = self.loss(y, truth, weights)
        mask = self._mask(taught, y.detach(), truth)
        taught_loss = charbonnier(y, taught, mask)
        return (1 - a) * truth_loss + a * taught_loss, parts | {"taught": taught_loss, "taught_share": mask.mean()}

    def _asked_terms(
        self, y: Tensor, taught: Tensor, truth: Tensor, weights: PictureLoss
    ) -> tuple[Tensor, dict[str, Tensor]]:
        a = self.spec.output_weight
        truth_loss, parts = self.loss(y, truth, weights.model_copy(update={"matched": 1.0}))
        small, small_truth = (F.avg_pool2d(picture, y.shape[-1] // taught.shape[-1]) for picture in (y, truth))
        mask = self._mask(matched(taught, small_truth), matched(small.detach(), small_truth), small_truth)
        taught_loss = charbonnier(small, taught, mask)
        level = (_log_mean(small) - _log_mean(taught)).abs().mean()
        total = (1 - a) * truth_loss + a * taught_loss + self.spec.level_weight * level
        return total, parts | {"taught": taught_loss, "taught_share": mask.mean(), "asked_level": level}

    def _mask(self, taught: Tensor, y: Tensor, truth: Tensor) -> Tensor:
        """(N, 1, H, W): where the teacher is listened to."""
        return _better(taught, y, truth) if self.spec.mask_worse else torch.ones_like(y[:, :1])


def fading(done: float, end: float) -> float:
    """Half a cosine from 1, at ``done`` 0, to ``end``, at ``done`` 1."""
    return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * done))


def _better(one: Tensor, other: Tensor, truth: Tensor) -> Tensor:
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
