"""Losses: zero where they should be, and the mask that lets a student pass its teacher."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from compress.data.batches import Batch
from compress.losses.distill import Distill, Supervised, fading
from compress.losses.picture import (
    brightness,
    charbonnier,
    colour,
    gradient,
    log_error,
    matched,
    picture_loss,
    structural,
    total_variation,
)
from compress.models import build_net
from compress.schema import DistillSpec, Hint, PictureLoss
from compress.schema.section import WHOLE


def test_equal_pictures_cost_nothing() -> None:
    x = torch.rand(1, 3, 32, 32)
    assert float(charbonnier(x, x)) == pytest.approx(1e-3)
    for term in (structural, brightness, colour, gradient):
        assert float(term(x, x)) == pytest.approx(0, abs=1e-5)


def test_each_term_sees_what_it_is_named_after() -> None:
    x = torch.rand(1, 3, 32, 32) * 0.5 + 0.2
    assert float(brightness(x + 0.1, x)) == pytest.approx(0.1, abs=1e-5)
    assert float(colour(x * 1.2, x)) < 1e-4 < float(colour(x.flip(1), x))
    assert float(structural(x.flip(2), x)) > 0.5


def test_a_gradient_sees_edges_and_no_exposure() -> None:
    ramp = torch.linspace(0.2, 0.6, 33).repeat(1, 3, 32, 1)
    assert float(gradient(ramp + 0.1, ramp)) == pytest.approx(0, abs=1e-6)
    step = 0.4 / 32
    assert float(gradient(ramp * 2, ramp)) == pytest.approx(step / 2, rel=1e-3)  # across; down there is none
    assert float(gradient(ramp.transpose(2, 3), ramp.transpose(2, 3) * 2)) == pytest.approx(step / 2, rel=1e-3)


def test_total_variation_is_of_the_answer_alone() -> None:
    flat, noise = torch.full((1, 3, 16, 16), 0.4), torch.rand(1, 3, 16, 16)
    assert float(total_variation(flat, noise)) == 0.0
    stripes = torch.tensor([0.0, 1.0]).repeat(8).expand(1, 3, 16, 16)
    assert float(total_variation(stripes, flat)) == 1.0
    assert float(total_variation(noise, noise)) > 0.5


def test_later_terms_leave_the_keys_of_what_was_trained_before() -> None:
    later = {"ms_ssim", "gradient", "total_variation"}
    assert not later & PictureLoss().identity().keys()
    assert later <= PictureLoss().model_dump(mode="json", context=WHOLE).keys()  # as show does
    assert PictureLoss(gradient=0.1).identity()["gradient"] == 0.1
    assert PictureLoss.model_validate(PictureLoss(gradient=0.1).identity()) == PictureLoss(gradient=0.1)
    assert not {"teacher_sees", "hints_end", "control"} & DistillSpec().identity().keys()
    assert DistillSpec(teacher_sees="truth").identity()["teacher_sees"] == "truth"


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
    hint = torch.ones(1, 32, bright.shape[2] // 8, bright.shape[3] // 8)
    return Batch(bright * 0.1, bright, taught, (hint,), 1)


def test_a_wrong_teacher_is_masked_out_and_a_perfect_one_is_not() -> None:
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    spec = DistillSpec(hints=(Hint(teacher="body", student="repair.middle1"),))
    objective = Distill(spec, net, build_net("retinex_unet", {"width": 8, "code": 8}), torch.rand(1, 3, 32, 32))
    bright = torch.rand(1, 3, 32, 32)
    _, wrong = objective(net, _batch(torch.full_like(bright, 5.0), bright))
    _, right = objective(net, _batch(bright, bright))
    assert float(wrong["taught_share"]) == 0.0 and float(wrong["taught"].detach()) == 0.0
    assert float(right["taught_share"]) == 1.0 and float(right["taught"].detach()) > 0.0


@pytest.mark.parametrize(("done", "share"), [(0.0, 1.0), (0.5, 0.55), (1.0, 0.1)])
def test_hints_fade_by_half_a_cosine(done: float, share: float) -> None:
    assert fading(done, 0.1) == pytest.approx(share) and fading(done, 1.0) == 1.0
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    teacher = build_net("retinex_unet", {"width": 8, "code": 8})
    hint = Hint(teacher="body", student="repair.middle1", weight=2.0)
    spec = DistillSpec(hints=(hint,), hints_end=0.1, output_weight=0.0)
    bright = torch.rand(1, 3, 32, 32)
    loss, parts = Distill(spec, net, teacher, torch.rand(1, 3, 32, 32))(net, replace(_batch(bright, bright), done=done))
    rest, _ = picture_loss(net(bright * 0.1), bright, spec.loss)
    assert float((loss - rest).detach()) == pytest.approx(2.0 * share * float(parts["hint0"].detach()), rel=1e-3)


def test_gradients_reach_student_and_adapter() -> None:
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    spec = DistillSpec(hints=(Hint(teacher="body", student="repair.middle1", weight=1.0),))
    objective = Distill(spec, net, build_net("retinex_unet", {"width": 8, "code": 8}), torch.rand(1, 3, 32, 32))
    net.zero_grad()
    loss, _ = objective(net, _batch(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)))
    loss.backward()
    for parameter in (*objective.parameters(), net.repair.middle1.weight):  # type: ignore[union-attr]
        assert parameter.grad is not None and float(parameter.grad.abs().sum()) > 0


@pytest.mark.parametrize("downscale", [1, 2, 4])
def test_asked_anew_the_teacher_says_how_bright_whatever_the_truth_is(downscale: int) -> None:
    class Teacher(nn.Module):
        """Answers with one brightness, and remembers what it was shown."""

        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Conv2d(3, 5, 3, padding=1, stride=4)

        def forward(self, x: torch.Tensor, stride: int) -> torch.Tensor:
            shown.append((x, stride))
            self.body(x)
            return torch.full_like(x, 0.8)

    shown: list[tuple[torch.Tensor, int]] = []
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    spec = DistillSpec(output_weight=0.5, hints=(Hint(teacher="body", student="repair.middle1"),))
    objective = Distill(spec, net, Teacher(), torch.rand(1, 3, 32, 32))
    dark = torch.rand(2, 3, 64, 96) * 0.2
    batch = Batch(dark, 2.0 * dark, None, (), downscale, asks=True)
    optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
    levels = []
    for _ in range(30):
        loss, parts = objective(net, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        levels.append(float(parts["asked_level"].detach()))
    assert levels[-1] < 0.3 * levels[0]
    assert torch.equal(shown[-1][0], nn.functional.avg_pool2d(dark, 8 // downscale)) and shown[-1][1] == 1
    assert not [name for name in objective.state_dict() if not name.startswith("adapters.")]


def test_hints_of_what_is_left_out_are_left_out() -> None:
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    hints = (Hint(teacher="body", student="repair.middle1"), Hint(teacher="body", student="light.down2"))
    teacher = build_net("retinex_unet", {"width": 8, "code": 8})
    objective = Distill(DistillSpec(hints=hints), net, teacher, torch.rand(1, 3, 64, 64))
    whole = Batch(torch.rand(2, 3, 64, 96) * 0.2, torch.rand(2, 3, 64, 96), None, (), 2, asks=True)
    assert {"hint0", "hint1"} <= set(objective(net, whole)[1])
    net(torch.rand(1, 3, 32, 32))  # as an evaluation in between does
    loss, parts = objective(net, replace(whole, without=("repair",)))
    assert "hint1" in parts and "hint0" not in parts
    loss.backward()
    assert net.get_parameter("light.enter.weight").grad.abs().sum() > 0  # type: ignore[union-attr]
    assert not net.get_parameter("repair.enter.weight").grad.any()  # type: ignore[union-attr]
    assert "hint0" in objective(net, whole)[1]


def test_brightness_weighs_what_the_recipe_says() -> None:
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    teacher = build_net("retinex_unet", {"width": 8, "code": 8})
    batch = Batch(torch.rand(2, 3, 64, 96) * 0.2, torch.rand(2, 3, 64, 96), None, (), 2, asks=True)
    losses = []
    for weight in (0.0, 1.0, 3.0):
        loss, parts = Distill(DistillSpec(level_weight=weight), net, teacher, torch.rand(1, 3, 64, 64))(net, batch)
        losses.append(float(loss.detach()))
    level = float(parts["asked_level"].detach())
    assert level > 1e-3
    assert [losses[1] - losses[0], losses[2] - losses[0]] == pytest.approx([level, 3 * level], rel=1e-3)


@pytest.mark.parametrize("kind", ["told", "supervised"])
def test_what_a_module_is_given_says_how_bright_the_truth_is(kind: str) -> None:
    """Truth and answer at another brightness change nothing, and nothing pulls the mean away from what it is."""
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    spec = DistillSpec(loss=PictureLoss(matched=0.8, log_error=1.0))
    teacher = build_net("retinex_unet", {"width": 8, "code": 8})
    objective = Supervised(spec.loss) if kind == "supervised" else Distill(spec, net, teacher, torch.rand(1, 3, 32, 32))
    dark = torch.rand(2, 3, 32, 48) * 0.2
    seen: list[torch.Tensor] = []
    net.get_submodule("repair").register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    losses = []
    for factor in (1.0, 0.7):
        truth, answer = dark * 3.0 * factor, (dark * 2.9 + 0.01) * factor
        loss, parts = objective(net, Batch(dark, truth, answer, (), 1, level_of="repair"))
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert len(seen) == 2 and not net.get_submodule("light")._forward_pre_hooks
    wanted = matched(dark * 3.0, seen[0].detach())
    assert float(parts["charbonnier"].detach()) == pytest.approx(
        float(charbonnier(net(dark), wanted).detach()), rel=1e-4
    )


def test_supervised_ignores_a_teacher() -> None:
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    bright = torch.rand(1, 3, 32, 32)
    objective = Supervised(PictureLoss())
    first, _ = objective(net, _batch(torch.zeros_like(bright), bright))
    second, _ = objective(net, Batch(bright * 0.1, bright, None, (), 1))
    assert float(first.detach()) == float(second.detach())
