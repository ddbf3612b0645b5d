from __future__ import annotations

import pytest
import torch
from torch import nn

from compress.zero_shot.net import OwnNet, turned_mean


@pytest.mark.parametrize(("scale", "restore"), [(2, 0), (3, 8), (4, 0)])
def test_an_answer_begins_near_its_start(scale: int, restore: int) -> None:
    torch.manual_seed(0)
    net, x = OwnNet(8, 3, scale, restore), torch.rand(1, 3, 16, 20)
    start = torch.rand(1, 3, 16 * scale, 20 * scale)
    y = net(x, start)
    assert y.shape == start.shape
    assert 0 < (y - start).abs().mean().item() < 0.02


class _Leans(OwnNet):
    """Answers a column to the right."""

    def forward(self, x: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        return start.roll(1, 3)


def test_the_mean_over_all_ways_leans_to_no_side() -> None:
    start = torch.zeros(1, 3, 9, 9)
    start[..., 4, 4] = 1.0
    y = turned_mean(_Leans(4, 2, 1), torch.zeros(1, 3, 9, 9), start)[0, 0]
    wanted = torch.zeros(9, 9)
    wanted[[3, 5, 4, 4], [4, 4, 3, 5]] = 0.25
    torch.testing.assert_close(y, wanted)


def test_all_parts_are_trained() -> None:
    torch.manual_seed(0)
    net = OwnNet(8, 3, 2, 8)
    nn.functional.mse_loss(net(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 16, 16)), torch.rand(1, 3, 16, 16)).backward()
    assert all(float(p.grad.abs().max()) > 0 for p in net.parameters() if p.grad is not None and p.dim() > 1)
    assert all(p.grad is not None for p in net.parameters())
