from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from compress.degradation.kernel import cubic
from compress.losses.picture import charbonnier
from compress.zero_shot.batches import OwnBatch
from compress.zero_shot.lesson import OwnLesson, Terms
from compress.zero_shot.net import OwnNet

ALL = Terms(taught=0.5, wanted=0.5, affinity=0.1, consistency=0.3, restored=0.5, variation=1e-3)
NAMES = {"charbonnier", "taught", "wanted", "affinity", "back_projection", "restored", "total_variation"}


def batch() -> OwnBatch:
    torch.manual_seed(0)
    small, large = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 32, 32)
    return OwnBatch(
        dark=small, bright=large, taught=large.roll(1, 3), hints=(torch.rand(2, 6, 16, 16),), downscale=1,
        start=large.roll(2, 3), given=small, given_start=large.roll(3, 3), given_taught=large.roll(4, 3),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("term", "name"),
    [("taught", "taught"), ("wanted", "wanted"), ("affinity", "affinity"), ("consistency", "back_projection"),
     ("restored", "restored"), ("variation", "total_variation")],
)  # fmt: skip
def test_each_term_is_named_and_can_be_left_out(term: str, name: str) -> None:
    torch.manual_seed(1)
    net = OwnNet(8, 3, 2, 8)
    whole, parts = OwnLesson(net, cubic(2), 2, ALL)(net, batch())
    less, fewer = OwnLesson(net, cubic(2), 2, replace(ALL, **{term: 0.0}))(net, batch())
    assert set(parts) == NAMES and set(fewer) == NAMES - {name}
    assert whole.item() != pytest.approx(less.item(), rel=1e-6)


def test_without_terms_it_is_the_truth_alone() -> None:
    torch.manual_seed(1)
    net, given = OwnNet(8, 3, 2), batch()
    total, parts = OwnLesson(net, cubic(2), 2, Terms())(net, given)
    assert total.item() == pytest.approx(charbonnier(net(given.dark, given.start), given.bright).item())
    assert set(parts) == {"charbonnier"}
