"""Objectives of networks that learn from pictures and what the pictures' own kernel makes of them (Yuan, 2022)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from compress.data.batches import Batch
from compress.degradation.kernel import Taps, cubic, shrunk
from compress.losses.distill import Tap, answered
from compress.losses.picture import charbonnier
from compress.training.loop import Objective


class Restored(Objective):
    """``L = inner + w charbonnier(P(x_d), cubic(x))``: the pre-processing network restores what the kernel took.

    ``P`` is the module ``restore`` of the network, ``x_d`` the shrunken picture, ``cubic(x)`` the given one shrunk by
    the cubic kernel, which keeps more.
    """

    def __init__(self, inner: Objective, net: nn.Module, scale: int, weight: float) -> None:
        super().__init__()
        self.inner, self.scale, self.weight = inner, scale, weight
        self._restored = Tap(net, "restore")

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        total, parts = self.inner(net, batch)
        restored = self._restored.take().float()
        with torch.autocast(batch.dark.device.type, enabled=False):
            wanted = shrunk(batch.bright, cubic(self.scale), self.scale).clamp(0.0, 1.0)
            term = charbonnier(restored, wanted)
        return total + self.weight * term, parts | {"restored": term}


class Consistent(Objective):
    """``L = inner + w charbonnier((k * S(x)) shrunk, x)``: what is made of the given picture shrinks back to it.

    The only term about the scale that is wanted, at which there is no truth (back-projection, Irani & Peleg, 1991).
    ``x`` is a cut of the given picture as large as the shrunken one; its border, which the kernel can't see, is left
    out.
    """

    def __init__(self, inner: Objective, taps: Taps, scale: int, weight: float) -> None:
        super().__init__()
        self.inner, self.taps, self.scale, self.weight = inner, taps, scale, weight

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        total, parts = self.inner(net, batch)
        height, width = batch.dark.shape[2:]
        given = batch.bright[..., :height, :width]
        y = answered(net, replace(batch, dark=given)).float()
        with torch.autocast(batch.dark.device.type, enabled=False):
            back, border = shrunk(y, self.taps, self.scale), min(4, height // 4)
            inside = (..., slice(border, height - border), slice(border, width - border))
            term = charbonnier(back[inside], given[inside])
        return total + self.weight * term, parts | {"back_projection": term}
