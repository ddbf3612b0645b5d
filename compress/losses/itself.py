"""What a network answered before it was quantized, as a part of what it learns from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from compress.data.batches import Batch
from compress.losses.distill import Tap, answered
from compress.losses.picture import charbonnier
from compress.training.loop import Objective


class Itself(Objective):
    """``L = (1-w) inner + w charbonnier(y, before)``: the picture stays that of the float network (ADR 0036)."""

    def __init__(self, inner: Objective, net: nn.Module, before: nn.Module, weight: float) -> None:
        """``net`` is what will be trained, ``before`` answers (N, 3, h, w) in [0, 1]; ``weight`` its share, 0 to 1.

        ``inner`` asks ``net`` about the batch, and about nothing else after it: the last answer is what is compared.
        """
        super().__init__()
        self.inner, self.weight = inner, weight
        self._before = (before.eval(),)  # in a tuple: no part of what is trained and checkpointed
        self._answer = Tap(net, "")

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        self._answer.seen = None
        total, parts = self.inner(net, batch)
        answer, said = self._answer.take(), self._said(batch)
        with torch.autocast(batch.dark.device.type, enabled=False):
            itself = charbonnier(torch.clamp(answer.float(), 0.0, 1.0), said)
        return (1 - self.weight) * total + self.weight * itself, parts | {"itself": itself}

    @torch.no_grad()
    def _said(self, batch: Batch) -> Tensor:
        before = self._before[0].to(batch.dark.device)
        with torch.autocast(batch.dark.device.type, enabled=False):
            return answered(before, batch).float()
