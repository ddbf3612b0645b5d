"""Objectives: supervised, and knowledge distillation with masked output and feature hints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from compress.data.batches import Batch
from compress.losses.picture import brightness_ratio, charbonnier, matched, picture_loss
from compress.models.brighten import THUMB_STRIDE
from compress.schema import DistillSpec, PictureLoss
from compress.training.loop import Objective


@dataclass(frozen=True)
class _Answer:
    """Picture of a batch, and where that is a part of its pictures, the whole ones as thumbnails with their truth."""

    picture: Tensor
    preview: Tensor | None = None
    preview_truth: Tensor | None = None

    def loss(self, batch: Batch, weights: PictureLoss) -> tuple[Tensor, dict[str, Tensor]]:
        """Against the ground truth. What exposure a part lacks is told by the whole picture, which counts as much."""
        if self.preview is None or self.preview_truth is None:
            return picture_loss(self.picture, batch.bright, weights)
        ratio = brightness_ratio(self.preview, self.preview_truth)
        total, parts = picture_loss(self.picture, batch.bright, weights, ratio)
        plain = weights.model_copy(
            update={"ssim": 0.0}
        )  # a thumbnail has no texture, and may be smaller than its window
        whole, _ = picture_loss(self.preview, self.preview_truth, plain)
        return total + whole, parts | {"preview": whole}


def _run(net: nn.Module, batch: Batch) -> _Answer:
    """A batch may be shrunk or cut; networks with a ``preview`` are told of the whole pictures then."""
    stride, inner = THUMB_STRIDE // batch.downscale, getattr(net, "module", net)  # as DistributedDataParallel wraps
    around = batch.around if isinstance(getattr(inner, "preview", None), nn.Module) else None
    if around is None:
        return _Answer(net(batch.dark, stride).float())
    tap = Tap(inner, "preview")
    y = net(batch.dark, stride, around).float()
    tap.handle.remove()
    if not around.is_cut:
        return _Answer(y)
    return _Answer(y, tap.take().float(), around.bright)


class Supervised(Objective):
    """Picture losses against the ground truth."""

    def __init__(self, weights: PictureLoss) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        answer = _run(net, batch)
        return _in_float(lambda: answer.loss(batch, self.weights), batch)


def _in_float(work: Callable[[], tuple[Tensor, dict[str, Tensor]]], batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
    with torch.autocast(batch.dark.device.type, enabled=False):
        return work()


class Tap:
    """Keeps the last output of a named module of a network."""

    def __init__(self, net: nn.Module, name: str) -> None:
        self.seen: Tensor | None = None
        self.handle: RemovableHandle = net.get_submodule(name).register_forward_hook(self._keep)

    def _keep(self, _module: nn.Module, _inputs: object, output: Tensor) -> None:
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
    Without the mask a student cannot pass its teacher. ``loss.matched`` is the share of the second term, too, that is
    taken at equal brightness (and the mask then): what exposure a teacher gives its own training pictures, it knows by heart.
    """

    def __init__(self, spec: DistillSpec, net: nn.Module, hint_channels: tuple[int, ...], sample: Tensor) -> None:
        super().__init__()
        self.spec = spec
        self.taps = [Tap(net, hint.student) for hint in spec.hints]
        with torch.no_grad():
            net(sample)
        inside = [tap.take().shape[1] for tap in self.taps]
        self.adapters = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(inside, hint_channels, strict=True))

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        answer = _run(net, batch)
        taken = zip(self.adapters, self.taps, batch.hints, strict=True)
        features = [adapter(_shrunk(tap.take(), wanted)) for adapter, tap, wanted in taken]
        return _in_float(lambda: self._loss(answer, features, batch), batch)

    def _loss(self, answer: _Answer, features: list[Tensor], batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        assert batch.taught is not None, "distillation without a guide"
        a, y = self.spec.output_weight, answer.picture
        truth_loss, parts = answer.loss(batch, self.spec.loss)
        taught_loss, share = self._taught_loss(y, batch.taught, batch.bright)
        total = (1 - a) * truth_loss + a * taught_loss
        parts |= {"taught": taught_loss, "taught_share": share}
        for k, (hint, mine, wanted) in enumerate(zip(self.spec.hints, features, batch.hints, strict=True)):
            parts[f"hint{k}"] = (mine.float() - wanted).abs().mean() / wanted.abs().mean().clamp(min=1e-6)
            total = total + hint.weight * parts[f"hint{k}"]
        return total, parts

    def _taught_loss(self, y: Tensor, taught: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's term, and the share of pixels that it is asked for."""
        share = self.spec.loss.matched
        mask = torch.ones_like(y[:, :1])
        if self.spec.mask_worse:
            mask = _better(taught, y.detach(), truth) if share == 0 else _better(*_even(truth, taught, y.detach()))
        loss = charbonnier(y, taught, mask)
        if share > 0:
            loss = (1.0 - share) * loss + share * charbonnier(matched(y, taught), taught, mask)
        return loss, mask.mean()


def _even(truth: Tensor, *pictures: Tensor) -> tuple[Tensor, ...]:
    """Pictures brought to the brightness of the truth, and the truth."""
    return (*(matched(picture, truth) for picture in pictures), truth)


def _better(one: Tensor, other: Tensor, truth: Tensor) -> Tensor:
    """(N, 1, H, W) of 0 and 1: where the 4x4 block error of ``one`` is not above that of ``other``."""
    better = (_block_error(one, truth) <= _block_error(other, truth)).float()
    return F.interpolate(better, size=list(truth.shape[2:]), mode="nearest")


def _shrunk(feature: Tensor, wanted: Tensor) -> Tensor:
    """``feature`` (N, C, h, w) averaged to the size of the teacher's ``wanted`` (N, C', h', w')."""
    return F.interpolate(feature, size=list(wanted.shape[2:]), mode="area")


def _block_error(picture: Tensor, truth: Tensor) -> Tensor:
    """L1 error of 4x4 blocks, (N, 1, H/4, W/4)."""
    return F.avg_pool2d((picture - truth).abs().mean(1, keepdim=True), 4)
