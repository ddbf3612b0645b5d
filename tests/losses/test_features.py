"""Imitation of features where objects are."""

from __future__ import annotations

import pytest
import torch

from compress.data.batches import BoxTargets
from compress.losses.features import BESIDE, foreground, normed, object_imitation


def _targets(*corners: tuple[float, float, float, float]) -> BoxTargets:
    boxes = torch.tensor([corners]).view(1, -1, 4)
    return BoxTargets(boxes, torch.zeros(1, boxes.shape[1], dtype=torch.long), torch.ones(1, 1, dtype=torch.bool))


def test_places_in_a_box_weigh_one_and_those_beside_it_a_tenth() -> None:
    weights = foreground(_targets((16.0, 8.0, 48.0, 24.0)), 4, 8, (32, 64), torch.device("cpu"))
    expected = torch.full((1, 1, 4, 8), BESIDE)
    expected[..., 1:3, 2:6] = 1.0
    assert torch.equal(weights, expected)


def test_a_box_between_the_places_still_has_one() -> None:
    weights = foreground(_targets((17.0, 9.0, 19.0, 11.0)), 4, 8, (32, 64), torch.device("cpu"))
    assert weights[0, 0, 1, 2] == 1.0 and (weights == 1.0).sum() == 1


def test_what_fills_a_batch_up_is_no_object() -> None:
    targets = _targets((0.0, 0.0, 64.0, 32.0))
    none = BoxTargets(targets.corners, torch.full_like(targets.labels, -1), targets.labelled)
    assert (foreground(none, 4, 8, (32, 64), torch.device("cpu")) == BESIDE).all()


def test_strength_and_offset_of_a_channel_do_not_count() -> None:
    features = torch.randn(3, 5, 8, 8, generator=torch.Generator().manual_seed(0))
    other = features * torch.rand(1, 5, 1, 1).add(0.5) + torch.randn(1, 5, 1, 1)
    assert float(object_imitation(features, other, torch.ones(3, 1, 8, 8))) < 1e-4
    assert float(normed(features).std(correction=0)) == pytest.approx(1.0, abs=0.01)
    assert torch.isfinite(normed(torch.zeros(1, 2, 4, 4))).all()


def test_a_difference_on_an_object_costs_ten_times_one_beside_it() -> None:
    generator = torch.Generator().manual_seed(1)
    theirs = torch.randn(1, 4, 16, 16, generator=generator)
    weights = torch.full((1, 1, 16, 16), BESIDE)
    weights[..., :8, :] = 1.0
    costs = []
    for rows in (slice(0, 8), slice(8, 16)):
        mine = theirs.clone()
        mine[..., rows, :] = mine[..., rows, :].roll(1, 3)
        costs.append(float(object_imitation(mine, theirs, weights)))
    assert costs[0] / costs[1] == pytest.approx(10.0, rel=0.3)
