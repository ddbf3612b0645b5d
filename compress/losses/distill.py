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
        whole, _ = picture_loss(self.preview, self.preview_truth, _for_thumbnails(weights))
        return total + whole, parts | {"preview": whole}


def _for_thumbnails(weights: PictureLoss) -> PictureLoss:
    """A thumbnail has no texture, and may be smaller than the window of SSIM."""
    return weights.model_copy(update={"ssim": 0.0})


def _run(net: nn.Module, batch: Batch) -> _Answer:
    """A batch may be shrunk or cut; networks with a ``preview`` are told of the whole pictures then."""
    stride = THUMB_STRIDE // batch.downscale
    if batch.around is None or not _previews(net):
        return _Answer(net(batch.dark, stride).float())
    tap = Tap(_inner(net), "preview")
    y = net(batch.dark, stride, batch.around).float()
    tap.handle.remove()
    if not (batch.around.is_cut or batch.asks):
        return _Answer(y)
    return _Answer(y, tap.take().float(), batch.around.bright)


def _inner(net: nn.Module) -> nn.Module:
    """The network within DistributedDataParallel."""
    inner: nn.Module = getattr(net, "module", net)
    return inner


def _previews(net: nn.Module) -> bool:
    return isinstance(getattr(_inner(net), "preview", None), nn.Module)


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
    Without the mask a student cannot pass its teacher. ``output_matched`` is the share of the second term that
    is taken at equal brightness (and the mask then): exposures of its own training pictures a teacher knows by heart.
    """

    def __init__(
        self, spec: DistillSpec, net: nn.Module, teacher: nn.Module, hint_channels: tuple[int, ...], sample: Tensor
    ) -> None:
        super().__init__()
        self.spec = spec
        self._teacher = (teacher.eval(),)  # in a tuple: no part of what is trained and checkpointed
        self.taps = [Tap(net, hint.student) for hint in spec.hints]
        with torch.no_grad():
            net(sample)
        inside = [tap.take().shape[1] for tap in self.taps]
        self.adapters = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(inside, hint_channels, strict=True))

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        answer = _run(net, batch)
        if batch.asks and answer.preview is not None:
            with torch.no_grad():
                asked: Tensor = self._teacher[0](batch.dark, THUMB_STRIDE // batch.downscale)
            return _in_float(lambda: self._asked_loss(answer, asked.float()), batch)
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

    def _asked_loss(self, answer: _Answer, asked: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Thumbnails only: the truth teaches colour and contrast at equal brightness, the teacher how bright.

        What exposure its own training pictures need a teacher knows by heart; what it says of a zoomed, mirrored
        or darkened one it has to work out, and that is the function to learn (Beyer et al., CVPR 2022).
        """
        y, truth = answer.preview, answer.preview_truth
        assert y is not None and truth is not None
        asked = F.adaptive_avg_pool2d(asked, (y.shape[2], y.shape[3]))
        weights = _for_thumbnails(self.spec.loss).model_copy(update={"matched": 1.0})
        truth_loss, parts = picture_loss(y, truth, weights)
        level = (_log_mean(y) - _log_mean(asked)).abs().mean()
        a = self.spec.output_weight
        total = (1 - a) * truth_loss + a * (charbonnier(y, asked) + level)
        # A group of processes wants a gradient for every parameter, also of the part that this phase leaves alone.
        return total + 0.0 * answer.picture.mean(), parts | {"asked_level": level}

    def _taught_loss(self, y: Tensor, taught: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's term, and the share of pixels that it is asked for."""
        share = self.spec.output_matched
        mask = torch.ones_like(y[:, :1])
        if self.spec.mask_worse:
            mask = _better(taught, y.detach(), truth) if share == 0 else _better(*_even(truth, taught, y.detach()))
        loss = charbonnier(y, taught, mask)
        if share > 0:
            loss = (1.0 - share) * loss + share * charbonnier(matched(y, taught), taught, mask)
        return loss, mask.mean()


def _log_mean(pictures: Tensor) -> Tensor:
    """Log of the mean brightness of each, (N,)."""
    return torch.log(pictures.mean((1, 2, 3)).clamp(min=1e-3))


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
