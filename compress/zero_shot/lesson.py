"""What a network learns from one picture, term by term."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from compress.data.batches import Batch
from compress.degradation.kernel import Taps, cubic, shrunk
from compress.losses.distill import Tap, better
from compress.losses.picture import charbonnier, total_variation
from compress.losses.retinex import affinity
from compress.training.loop import Objective
from compress.zero_shot.batches import OwnBatch
from compress.zero_shot.net import OwnNet

_BORDER_PX = 4
"""Of a cut, that the kernel can't see."""


@dataclass(frozen=True)
class Terms:
    """Weights; 0 leaves a term out.

    ``taught``: share of the teacher's answer at the scale below, heard where it is the better one; ``wanted``: of its
    answer at the wanted scale; ``affinity``: which of its features are alike (FAKD); ``consistency``: the answer
    shrinks back to the picture; ``restored``: the pre-processing network against the cubic kernel's picture, which
    keeps more; ``variation``: total variation.
    """

    taught: float = 0.0
    wanted: float = 0.0
    affinity: float = 0.0
    consistency: float = 0.0
    restored: float = 0.0
    variation: float = 0.0


class OwnLesson(Objective):
    """``(1-a) C(y, x) + a C_m(y, T) + v TV(y) + w FAKD + r C(P(x_d), cubic(x)) + c C((k * z) shrunk, x) + b C(z, T')``.

    ``C`` is Charbonnier's, ``y`` the answer to the shrunken picture ``x_d``, ``z`` the one to the picture ``x`` itself,
    ``T`` and ``T'`` the teacher's of both.
    """

    def __init__(self, net: OwnNet, taps: Taps, scale: int, terms: Terms) -> None:
        super().__init__()
        self.taps, self.scale, self.terms = taps, scale, terms
        self._feels = Tap(net, last_hidden(net)) if terms.affinity else None

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(batch, OwnBatch)
        terms, y = self.terms, net(batch.dark, batch.start)
        parts = {"charbonnier": charbonnier(y, batch.bright)}
        total = (1 - terms.taught) * parts["charbonnier"]
        mask = None
        if terms.taught:
            assert batch.taught is not None, "taught without a teacher"
            mask = better(batch.taught, y.detach(), batch.bright)
            parts["taught"] = charbonnier(y, batch.taught, mask)
            total = total + terms.taught * parts["taught"]
        if terms.variation:
            parts["total_variation"] = total_variation(y, batch.bright)
            total = total + terms.variation * parts["total_variation"]
        if self._feels is not None:
            parts["affinity"] = affinity(self._feels.take(), batch.hints[0], mask)
            total = total + terms.affinity * parts["affinity"]
        if terms.restored:
            assert isinstance(net, OwnNet)
            keeps_more = shrunk(batch.bright, cubic(self.scale), self.scale)
            parts["restored"] = charbonnier(net.restored(batch.dark), keeps_more)
            total = total + terms.restored * parts["restored"]
        if terms.consistency or terms.wanted:
            more, named = self._at_the_wanted_scale(net, batch)
            total, parts = total + more, parts | named
        return total, parts

    def _at_the_wanted_scale(self, net: nn.Module, batch: OwnBatch) -> tuple[Tensor, dict[str, Tensor]]:
        z, parts = net(batch.given, batch.given_start), dict[str, Tensor]()
        total = torch.zeros(())
        if self.terms.consistency:
            side = batch.given.shape[2]
            border = min(_BORDER_PX, side // 4)
            inside = (..., slice(border, side - border), slice(border, side - border))
            back = shrunk(z, self.taps, self.scale)
            parts["back_projection"] = charbonnier(back[inside], batch.given[inside])
            total = total + self.terms.consistency * parts["back_projection"]
        if self.terms.wanted:
            assert batch.given_taught is not None, "taught without a teacher"
            parts["wanted"] = charbonnier(z, batch.given_taught)
            total = total + self.terms.wanted * parts["wanted"]
        return total, parts


def last_hidden(net: OwnNet) -> str:
    """The module whose output is compared by affinity."""
    return f"body.{net.body.hidden[-1]}"
