"""A network that also learns from what it was."""

from __future__ import annotations

import copy

import pytest
import torch

from compress.data.batches import Batch
from compress.losses.distill import Distill
from compress.losses.itself import Itself
from compress.models import build_net
from compress.schema import DistillSpec, Hint


def _parts(weight: float) -> tuple[Itself, torch.nn.Module, Batch]:
    torch.manual_seed(0)
    before = build_net("light_twin", {"width": 16, "light_width": 8})
    net = copy.deepcopy(before).train()
    hints = (Hint(teacher="body", student="repair.middle1"),)
    teacher = build_net("retinex_unet", {"width": 8, "code": 8})
    dark = torch.rand(2, 3, 32, 48) * 0.2
    batch = Batch(dark, 3.0 * dark, dark, (torch.rand(2, 32, 4, 6),), 1)
    inner = Distill(DistillSpec(hints=hints), net, teacher, torch.rand(1, 3, 32, 32))
    return Itself(inner, net, before, weight), net, batch


@pytest.mark.parametrize("downscale", [1, 2])
def test_unchanged_it_costs_nothing_and_a_change_is_undone(downscale: int) -> None:
    objective, net, batch = _parts(1.0)
    batch = Batch(batch.dark, batch.bright, batch.taught, batch.hints, downscale)
    start = float(objective(net, batch)[1]["itself"].detach())
    assert start == pytest.approx(0.0, abs=2e-3)  # Charbonnier's own smallest value
    with torch.no_grad():
        net.get_submodule("repair.leave").bias.add_(0.1)  # type: ignore[union-attr, operator]
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    found = []
    for _ in range(40):
        loss, parts = objective(net, batch)
        assert float(loss.detach()) == pytest.approx(float(parts["itself"].detach()))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    assert found[0] > 0.05 and found[-1] < 0.5 * found[0]


def test_the_rest_keeps_its_share() -> None:
    objective, net, batch = _parts(0.25)
    with torch.no_grad():
        inner, _ = objective.inner(net, batch)
        total, parts = objective(net, batch)
    assert float(total) == pytest.approx(0.75 * float(inner) + 0.25 * float(parts["itself"]), rel=1e-5)
    assert "taught" in parts and "hint0" in parts


def test_what_it_was_is_no_part_of_a_checkpoint() -> None:
    objective, _, _ = _parts(0.5)
    assert objective.state_dict() and all(name.startswith("inner.adapters.") for name in objective.state_dict())
    assert all(name.startswith("inner.adapters.") for name, _ in objective.named_parameters())
