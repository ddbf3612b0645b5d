from __future__ import annotations

import pytest
import torch
from torch import Tensor

from compress.zero_shot.batches import Views
from compress.zero_shot.net import OwnNet
from compress.zero_shot.weight import shown, weight


def views(scale: int) -> Views:
    torch.manual_seed(0)
    low, given = torch.rand(2, 3, 8, 16), torch.rand(1, 3, 8 * scale, 16 * scale)
    low_start = torch.rand(2, 3, 8 * scale, 16 * scale)
    return Views(low=low, low_start=low_start, truth=given, given=given, start=given)


class _Adds(OwnNet):
    """``times`` what the right quarter needs, and nonsense elsewhere."""

    def __init__(self, scale: int, truth: Tensor, times: float) -> None:
        super().__init__(4, 2, scale)
        self.truth, self.times = truth, times

    def forward(self, x: Tensor, start: Tensor) -> Tensor:
        y = start + self.times * (self.truth - start)
        y[..., : 12 * self.scale] = 7.0
        return y


@pytest.mark.parametrize(
    ("scale", "times", "wanted"),
    [(2, 2.0, 0.5), (2, 0.5, 1.0), (2, -1.0, 0.0), (2, 0.0, 0.0), (3, 1.0, 0.8), (4, 2.0, 0.3)],
)
def test_the_weight_is_what_the_hidden_quarter_needs(scale: int, times: float, wanted: float) -> None:
    given = views(scale)
    assert weight(_Adds(scale, given.truth, times), given, scale) == pytest.approx(wanted, abs=1e-5)


def test_what_is_shown_is_all_but_the_right_quarter() -> None:
    whole, part = views(3), shown(views(3), 3)
    assert (part.low.shape, part.low_start.shape, part.truth.shape) == ((2, 3, 8, 12), (2, 3, 24, 36), (1, 3, 24, 36))
    torch.testing.assert_close(part.truth, whole.truth[..., :36])
    torch.testing.assert_close(part.given, whole.given)
