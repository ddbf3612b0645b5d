"""What a network learns under prompts: to give what they take for well-lit, of the same scene."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.data.batches import Batch
from compress.degradation.darkness import Darkness, darkened
from compress.losses.distill import answered
from compress.losses.picture import picture_loss, total_variation
from compress.schema.unpaired import DarkenedSpec, GuidedLoss
from compress.scorers.base import NORMAL, Scorer
from compress.training.loop import Objective


@dataclass(frozen=True)
class Guides:
    """Vectors of the prompts (2, D): as they are now, and as they were before they had learnt anything."""

    learned: Tensor
    first: Tensor


class Guided(Objective):
    """Equation 3, and what holds the scene.

    ``L = -w_s log g(y) + w_l likeness(y, dark) + w_v TV(y) + w_m log(mean(y) / m)^2`` with ``g`` of equation 2 and
    ``m`` the mean of ``batch.bright``, pictures of other scenes, which have no other say. ``printed``: over the sum
    stand the prompts before they learnt, as the symbols of equation 3 have it, and ``g`` is no share any more.
    """

    def __init__(self, scorer: Scorer, guides: Guides, weights: GuidedLoss, printed: bool) -> None:
        super().__init__()
        self.scorer, self.guides, self.weights, self.printed = scorer, guides, weights, printed

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        y = answered(net, batch)
        with torch.autocast(batch.dark.device.type, enabled=False):
            shown = y.float().clamp(0.0, 1.0)
            logits = self.scorer.logits(self.scorer.encode(shown), self.guides.learned)
            parts = {"score": self._score(shown, logits), "r_enhanced": F.softmax(logits, dim=1)[:, NORMAL].mean()}
            total = self.weights.score * parts["score"]
            if self.weights.likeness:
                parts["likeness"] = self.scorer.likeness(shown, batch.dark)
                total = total + self.weights.likeness * parts["likeness"]
            if self.weights.total_variation:
                parts["total_variation"] = total_variation(shown, batch.dark)
                total = total + self.weights.total_variation * parts["total_variation"]
            if self.weights.level:
                parts["level"] = _level(shown, batch.bright)
                total = total + self.weights.level * parts["level"]
            return total, parts

    def _score(self, shown: Tensor, logits: Tensor) -> Tensor:
        if not self.printed:
            return -F.log_softmax(logits, dim=1)[:, NORMAL].mean()
        under = self.scorer.logits(self.scorer.encode(shown), self.guides.first)
        return (under.logsumexp(1) - logits[:, NORMAL]).mean()


def _level(shown: Tensor, bright: Tensor) -> Tensor:
    """How far each answer's exposure is from the usual one (as Guo et al., CVPR 2020, hold it to a set value)."""
    logs, usual = (picture.mean((1, 2, 3)).clamp(min=1e-3).log() for picture in (shown, bright))
    return ((logs - usual.mean()) ** 2).mean()


class CameBack(Objective):
    """``L = inner + w picture_loss(net(darkened(bright)), bright)``: well-lit pictures that were darkened come back.

    ``darkness`` says what the set's dark pictures look like. ``batch.bright`` is no pair of ``batch.dark``.
    """

    def __init__(self, inner: Objective, darkness: Darkness, spec: DarkenedSpec) -> None:
        super().__init__()
        self.inner, self.darkness, self.spec = inner, darkness, spec

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        total, parts = self.inner(net, batch)
        night = darkened(batch.bright, self.darkness, self.spec.uneven, batch.downscale)
        y = answered(net, replace(batch, dark=night))
        with torch.autocast(batch.dark.device.type, enabled=False):
            term, _ = picture_loss(y.float(), batch.bright, self.spec.loss)
        return total + self.spec.weight * term, parts | {"came_back": term}
