from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from compress.data.batches import Batch
from compress.degradation.kernel import cubic, oriented, shrunk
from compress.losses.degraded import Consistent, Restored
from compress.losses.distill import Supervised
from compress.models.restored_anchor import RestoredAnchor
from compress.schema import PictureLoss

LOSS = Supervised(PictureLoss(charbonnier=1.0, ssim=0.0))


class Answers(nn.Module):
    """Gives one picture for the small picture and another for the cut of the given one."""

    def __init__(self, small: Tensor, large: Tensor) -> None:
        super().__init__()
        self.answers, self.asked = [small, large], list[Tensor]()

    def forward(self, x: Tensor, _stride: int) -> Tensor:
        self.asked.append(x)
        return self.answers[len(self.asked) - 1]


def test_an_answer_that_shrinks_back_to_the_frame_costs_nothing() -> None:
    taps = oriented(2, 1.6, 0.8, 30)
    truth = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    given = shrunk(truth, taps, 2)
    large = torch.cat((given, torch.rand(1, 3, 32, 32)), 2).repeat(1, 1, 1, 2)  # the frame; its corner is looked at
    batch = Batch(torch.rand(1, 3, 32, 32), large, None, (), 1)
    right, wrong = Answers(large, truth), Answers(large, truth.flip(3))
    costs = [Consistent(LOSS, taps, 2, 10.0)(net, batch) for net in (right, wrong)]
    assert float(costs[0][1]["back_projection"]) == pytest.approx(1e-3, abs=1e-5)  # Charbonnier's own least
    assert float(costs[1][1]["back_projection"]) > 0.01
    more = float(costs[1][0] - costs[0][0])
    assert more == pytest.approx(10 * float(costs[1][1]["back_projection"] - costs[0][1]["back_projection"]), rel=1e-4)
    torch.testing.assert_close(right.asked[1], given)


def test_the_consistency_reaches_the_network() -> None:
    net = RestoredAnchor(8, 2, 2, 8).train()
    batch = Batch(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 32, 32), None, (), 1)
    plain, with_it = (objective(net, batch)[0] for objective in (LOSS, Consistent(LOSS, cubic(2), 2, 1.0)))
    assert float(with_it.detach()) > float(plain.detach())
    with_it.backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


def test_the_pre_processing_is_held_to_the_frame_shrunk_by_the_cubic_kernel() -> None:
    torch.manual_seed(0)
    net = RestoredAnchor(8, 2, 2, 8).train()
    bright = torch.rand(1, 3, 64, 64)
    wanted = shrunk(bright, cubic(2), 2).clamp(0, 1)
    objective = Restored(LOSS, net, 2, 3.0)
    near, far = (objective(net, Batch(dark, bright, None, (), 1)) for dark in (wanted, 1 - wanted))
    assert float(near[1]["restored"].detach()) < 0.2 * float(far[1]["restored"].detach())
    assert float(near[0].detach()) == pytest.approx(
        float((near[1]["charbonnier"] + 3 * near[1]["restored"]).detach()), rel=1e-5
    )
