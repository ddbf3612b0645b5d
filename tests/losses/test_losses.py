"""Losses: zero where they should be, and the mask that lets a student pass its teacher."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import torch
from torch import nn

from compress.data.batches import Batch, BatchPlan
from compress.data.source import PairSource
from compress.losses.distill import Distill, Supervised
from compress.losses.picture import brightness, charbonnier, colour, log_error, matched, picture_loss, structural
from compress.models import NETWORK_NAMES, PREVIEWING, build_net
from compress.schema import Augment, DistillSpec, Hint, Phase, PictureLoss

if TYPE_CHECKING:
    from compress.data.source import Pair


def test_equal_pictures_cost_nothing() -> None:
    x = torch.rand(1, 3, 32, 32)
    assert float(charbonnier(x, x)) == pytest.approx(1e-3)
    for term in (structural, brightness, colour):
        assert float(term(x, x)) == pytest.approx(0, abs=1e-5)


def test_each_term_sees_what_it_is_named_after() -> None:
    x = torch.rand(1, 3, 32, 32) * 0.5 + 0.2
    assert float(brightness(x + 0.1, x)) == pytest.approx(0.1, abs=1e-5)
    assert float(colour(x * 1.2, x)) < 1e-4 < float(colour(x.flip(1), x))
    assert float(structural(x.flip(2), x)) > 0.5


def test_the_sum_is_the_weighted_sum() -> None:
    y, truth = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    total, parts = picture_loss(y, truth, PictureLoss(charbonnier=1.0, ssim=0.5, brightness=0, colour=0))
    assert set(parts) == {"charbonnier", "ssim"}
    assert float(total) == pytest.approx(float(parts["charbonnier"]) + 0.5 * float(parts["ssim"]), rel=1e-5)


def test_log_error_falls_by_equal_steps_for_equal_decibels() -> None:
    truth = torch.zeros(1, 3, 8, 8)
    steps = [float(log_error(truth + error, truth)) for error in (0.8, 0.4, 0.2)]
    assert steps[0] - steps[1] == pytest.approx(steps[1] - steps[2], rel=0.05)
    first = float(log_error(torch.cat((truth + 0.4, truth + 0.2)), torch.cat((truth, truth))))
    assert first == pytest.approx((steps[1] + steps[2]) / 2)


def test_a_matched_picture_costs_nothing_for_its_exposure_alone() -> None:
    truth = torch.rand(2, 3, 32, 32) * 0.5 + 0.2
    y = truth * torch.tensor([0.7, 1.3]).view(2, 1, 1, 1)
    torch.testing.assert_close(matched(y, truth), truth)
    weights = PictureLoss(charbonnier=1.0, log_error=1.0, ssim=0.5, brightness=1.0, colour=0.1)
    plain, _ = picture_loss(y, truth, weights)
    half, parts = picture_loss(y, truth, weights.model_copy(update={"matched": 0.5}))
    assert float(parts["ssim"]) == pytest.approx(0, abs=1e-5) and float(parts["brightness"]) > 0.05
    assert float(half) < float(plain)
    none, parts = picture_loss(y, truth, weights.model_copy(update={"matched": 1.0}))
    assert float(parts["charbonnier"]) == pytest.approx(1e-3, rel=0.1) and float(none) < float(half)
    assert torch.isfinite(matched(torch.zeros_like(y), truth)).all()


def test_charbonnier_takes_masked_pixels_only() -> None:
    y, truth = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8)
    y[..., :4] = 1.0
    mask = torch.ones(1, 1, 8, 8)
    mask[..., :4] = 0.0
    assert float(charbonnier(y, truth, mask)) == pytest.approx(1e-3)


def _batch(taught: torch.Tensor, bright: torch.Tensor) -> Batch:
    hint = torch.ones(1, 5, bright.shape[2] // 8, bright.shape[3] // 8)
    return Batch(bright * 0.1, bright, taught, (hint,), 1)


def test_a_wrong_teacher_is_masked_out_and_a_perfect_one_is_not() -> None:
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    spec = DistillSpec(hints=(Hint(teacher="body", student="repair.far"),))
    objective = Distill(spec, net, build_net("retinex_unet", {"width": 8, "code": 8}), (5,), torch.rand(1, 3, 32, 32))
    bright = torch.rand(1, 3, 32, 32)
    _, wrong = objective(net, _batch(torch.full_like(bright, 5.0), bright))
    _, right = objective(net, _batch(bright, bright))
    assert float(wrong["taught_share"]) == 0.0 and float(wrong["taught"].detach()) == 0.0
    assert float(right["taught_share"]) == 1.0 and float(right["taught"].detach()) > 0.0


def test_gradients_reach_student_and_adapter() -> None:
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    spec = DistillSpec(hints=(Hint(teacher="body", student="repair.far", weight=1.0),))
    objective = Distill(spec, net, build_net("retinex_unet", {"width": 8, "code": 8}), (5,), torch.rand(1, 3, 32, 32))
    net.zero_grad()
    loss, _ = objective(net, _batch(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)))
    loss.backward()
    for parameter in (*objective.parameters(), net.repair.far.weight):  # type: ignore[union-attr]
        assert parameter.grad is not None and float(parameter.grad.abs().sum()) > 0


def test_a_cut_is_not_told_to_have_the_mean_of_its_own_part() -> None:
    """Where the whole picture is as bright as it should be, a matched loss leaves a dark corner's error in."""
    y, truth = torch.full((1, 3, 32, 32), 0.3), torch.full((1, 3, 32, 32), 0.2)
    weights = PictureLoss(charbonnier=1.0, ssim=0.0, matched=1.0)
    alone, _ = picture_loss(y, truth, weights)
    within, _ = picture_loss(y, truth, weights, torch.ones(1, 1, 1, 1))
    assert float(alone) == pytest.approx(1e-3, rel=0.01) and float(within) == pytest.approx(0.1, rel=0.01)


class Pairs(PairSource):
    """Two seeded pairs."""

    names = scenes = ("a", "b")

    def pair(self, index: int) -> Pair:
        bright = np.random.default_rng(index).integers(0, 256, (64, 96, 3), dtype=np.uint8)
        return bright // 8, bright


@pytest.mark.parametrize("network", NETWORK_NAMES)
def test_cuts_train_the_illumination_on_their_whole_pictures(network: str) -> None:
    net = build_net(network, {})
    batch = BatchPlan(Pairs(), (Phase(epochs=1, batch=2, crop=32),), Augment(), seed=0).batch(0)
    loss, parts = Supervised(PictureLoss(ssim=0.0, matched=0.5))(net, batch)
    loss.backward()
    assert ("preview" in parts) == (network in PREVIEWING)
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("downscale", [1, 2])
def test_asked_anew_the_teacher_says_how_bright_and_only_the_light_learns(downscale: Literal[1, 2]) -> None:
    class Teacher(nn.Module):
        """Answers with one brightness, whatever it sees."""

        def forward(self, x: torch.Tensor, _stride: int) -> torch.Tensor:
            return torch.full_like(x, 0.8)

    torch.manual_seed(0)
    net = build_net("light_aim", {"width": 16, "light_width": 8})
    objective = Distill(DistillSpec(output_weight=0.9), net, Teacher(), (), torch.rand(1, 3, 32, 32))
    plan = BatchPlan(Pairs(), (Phase(epochs=40, batch=2, downscale=downscale, ask=True),), Augment(zoom=0.8), seed=0)
    repair = net.repair.leave.weight.detach().clone()  # type: ignore[union-attr, operator]
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
    levels = []
    for step in range(20):
        loss, parts = objective(net, plan.batch(step))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        levels.append(float(parts["asked_level"].detach()))
    assert levels[-1] < 0.3 * levels[0]
    assert torch.equal(net.repair.leave.weight, repair)  # type: ignore[union-attr, arg-type]
    assert not list(objective.state_dict())


def test_supervised_ignores_a_teacher() -> None:
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    bright = torch.rand(1, 3, 32, 32)
    objective = Supervised(PictureLoss())
    first, _ = objective(net, _batch(torch.zeros_like(bright), bright))
    second, _ = objective(net, Batch(bright * 0.1, bright, None, (), 1))
    assert float(first.detach()) == float(second.detach())
