"""Noise on what is seen, and none on what is compared with."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from compress.data.batches import Batch
from compress.losses.noisy import Noisy
from compress.training.loop import Objective


class Kept(Objective):
    """Keeps the batch that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []

    def forward(self, net: nn.Module, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        self.batches.append(batch)
        return batch.dark.mean(), {}


@pytest.mark.parametrize("strength", [0.1, 0.3])
def test_each_picture_has_noise_of_its_own_up_to_the_strength(strength: float) -> None:
    torch.manual_seed(0)
    kept = Kept()
    grey = torch.full((64, 3, 32, 32), 0.5)
    Noisy(kept, strength)(nn.Identity(), Batch(grey, grey, None, (), 1))
    (batch,) = kept.batches
    assert torch.equal(batch.bright, grey)
    assert float(batch.dark.min()) >= 0.0 and float(batch.dark.max()) <= 1.0
    deviations = (batch.dark - grey).std((1, 2, 3))
    assert float(deviations.max()) < 1.05 * strength and float(deviations.max()) > 0.9 * strength
    assert float(deviations.min()) < 0.2 * strength
    assert float(deviations.mean()) == pytest.approx(strength / 2, rel=0.2)
