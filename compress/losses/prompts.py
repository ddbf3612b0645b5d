"""What prompts learn: to tell dark from well-lit pictures, and to rank a network's pictures of all rounds.

Equations are those of Wang (2024, arXiv 2502.19450); ``printed``: as printed, where that is not what is meant (ADR
0042). Pictures are encoded by a frozen scorer; the network that is trained here is the ``Prompts``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.data.batches import Batch
from compress.losses.distill import answered
from compress.schema.unpaired import Margins
from compress.scorers.base import LOW, NORMAL, Scorer
from compress.training.loop import Objective


class Pairing(Objective):
    """Equation 1: cross-entropy of the prompts on dark and well-lit pictures, each side by itself.

    ``printed``: without the minus sign for dark pictures, which asks for the prompts to take them for well-lit.
    """

    def __init__(self, scorer: Scorer, printed: bool) -> None:
        super().__init__()
        self.scorer, self.sign = scorer, 1.0 if printed else -1.0

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.autocast(batch.dark.device.type, enabled=False):
            prompts: Tensor = net()
            with torch.no_grad():
                low, normal = (self.scorer.encode(each) for each in (batch.dark, batch.bright))
            of_low, of_normal = (F.log_softmax(self.scorer.logits(each, prompts), dim=1) for each in (low, normal))
            parts = {"low": self.sign * of_low[:, LOW].mean(), "normal": -of_normal[:, NORMAL].mean()}
            return parts["low"] + parts["normal"], parts


class Ranking(Objective):
    """Equations 4 and 5: well-lit pictures over enhanced ones, the newest round over those before, by margins.

    Well-lit pictures are compared with every dark and enhanced one of the batch, for none of them is its pair. A round
    is compared with the one before it on the same dark picture.
    """

    def __init__(self, scorer: Scorer, rounds: tuple[nn.Module, ...], margins: Margins, printed: bool) -> None:
        """``rounds``: networks in eval mode, the oldest first, the last one the newest. ``printed``: S1 as S0."""
        super().__init__()
        self.scorer, self.margins, self.printed = scorer, margins, printed
        self._rounds = rounds  # a tuple: no part of what is trained and checkpointed

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        with torch.no_grad():
            pictures = [answered(each.to(batch.dark.device), batch).float().clamp(0.0, 1.0) for each in self._rounds]
        with torch.autocast(batch.dark.device.type, enabled=False):
            prompts: Tensor = net()
            with torch.no_grad():
                seen = [self.scorer.encode(each) for each in (batch.dark, batch.bright, *pictures)]
            low, normal, *enhanced = (self.scorer.normality(each, prompts) for each in seen)
            total, spread = self._terms(low, normal, enhanced)
            return total, spread | {"r_low": low.mean(), "r_normal": normal.mean(), "r_enhanced": enhanced[-1].mean()}

    def _terms(self, low: Tensor, normal: Tensor, enhanced: list[Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        margins, newest = self.margins, enhanced[-1]
        parts = {
            "s0": _every(normal, low, margins.normal_over_low),
            "s1": _every(normal, low if self.printed else newest, margins.normal_over_enhanced),
        }
        for place, (older, newer) in enumerate(zip(enhanced, enhanced[1:], strict=False)):
            parts[f"step{place}"] = F.relu(margins.step - (newer - older)).mean()
        return torch.stack(list(parts.values())).sum(), parts


def _every(above: Tensor, below: Tensor, margin: float) -> Tensor:
    """Mean of what each of ``above`` (N,) lacks to be by ``margin`` over each of ``below`` (M,)."""
    return F.relu(margin - (above[:, None] - below[None])).mean()
