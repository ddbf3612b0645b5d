"""Retinex-KD: each term is zero for equals, falls on the way to its teacher, and sees what it is named after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from compress.data.batches import Batch
from compress.losses import retinex
from compress.losses.distill import Distill
from compress.losses.retinex import Lesson, affinity, lesson_terms, light_of, log_gain, reflectance
from compress.models import build_net
from compress.models.brighten import GAIN_MAX, shoulder
from compress.schema import DistillSpec, Hint, PictureLoss, Retinex
from compress.training.under_teacher import check_names

Term = Callable[[Tensor, Tensor], Tensor]


def _reflected(term: Term) -> Term:
    return lambda y, taught: term(reflectance(y), reflectance(taught))


def _affinity_of_pictures(y: Tensor, taught: Tensor) -> Tensor:
    return affinity(y - 0.5, taught - 0.5)


DARK = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(3)) * 0.1
TERMS: dict[str, Term] = {
    "brightness": retinex.brightness,
    "colour": retinex.colour,
    "texture": _reflected(retinex.texture),
    "spectrum": _reflected(retinex.spectrum),
    "illumination": lambda y, taught: retinex.illumination(torch.nn.functional.pixel_unshuffle(y, 2), taught, DARK),
    "affinity": _affinity_of_pictures,
}
every_term = pytest.mark.parametrize("name", TERMS)


def picture(seed: int = 0, width: int = 96) -> Tensor:
    """Smooth light times fine texture, colours that differ from place to place; (2, 3, 64, width) in [.05, .95]."""
    torch.manual_seed(seed)
    coarse = torch.nn.functional.interpolate(torch.rand(2, 3, 4, 6), size=(64, width), mode="bilinear")
    return (coarse * (0.6 + 0.8 * torch.rand(2, 1, 64, width))).clamp(0.05, 0.95)


@every_term
def test_it_is_zero_for_equals_and_falls_on_the_way_to_the_teacher(name: str) -> None:
    taught, start = picture(0), picture(1)
    steps = [float(TERMS[name](start + share * (taught - start), taught)) for share in (0.0, 0.5, 0.8, 1.0)]
    assert steps[0] > steps[1] > steps[2] > steps[3]
    assert steps[3] == pytest.approx(0.0, abs=1e-5) and steps[0] > 1e-3


@every_term
def test_following_its_gradient_makes_it_smaller(name: str) -> None:
    taught, y = picture(0), picture(1).requires_grad_()
    optimizer = torch.optim.Adam([y], lr=5e-3)
    values = []
    for _ in range(15):
        loss = TERMS[name](y, taught)
        optimizer.zero_grad()
        loss.backward()
        assert torch.isfinite(y.grad).all()  # type: ignore[arg-type]
        optimizer.step()
        values.append(float(loss.detach()))
    assert values[-1] < 0.9 * values[0]


def test_each_sees_what_it_is_named_after_and_not_the_others() -> None:
    """A darker picture has another brightness and illumination; its colour and texture are nearly what they were."""
    taught = picture(0)
    darker, tinted = 0.7 * taught, taught * torch.tensor([1.2, 1.0, 0.7]).view(1, 3, 1, 1)
    shuffled = taught.flip(3)
    values = {name: [float(term(y, taught)) for y in (darker, tinted, shuffled)] for name, term in TERMS.items()}
    assert values["brightness"][0] > 0.05 and values["illumination"][0] > 0.2
    assert values["colour"][0] < 1e-3 < 0.01 < values["colour"][1]
    assert values["texture"][0] < 0.2 * values["texture"][2] and values["spectrum"][0] < 0.2 * float(
        retinex.spectrum(reflectance(taught), reflectance(light_of(taught).expand_as(taught)))
    )


def test_where_the_teacher_is_the_worse_one_nothing_is_learnt_from_it() -> None:
    taught, y = picture(0), picture(1).requires_grad_()
    dark, spec = taught * 0.1, Retinex(brightness=1, colour=1, texture=1, spectrum=1, illumination=1, step="lisc")
    brightened = torch.nn.functional.pixel_unshuffle(y.detach(), 2)
    lesson = Lesson(y, taught, dark, torch.zeros(2, 1, 64, 96), 1)
    total, parts = lesson_terms(spec, lesson, brightened)
    assert float(total.detach()) == pytest.approx(0.0, abs=1e-5)
    total.backward()  # type: ignore[no-untyped-call]
    assert y.grad is not None and float(y.grad.abs().max()) < 1e-5
    heard, _ = lesson_terms(spec, replace(lesson, mask=torch.ones(2, 1, 64, 96)), brightened)
    assert float(heard.detach()) > 0.1
    half = torch.zeros(2, 1, 64, 96)
    half[..., 48:] = 1.0
    assert float(affinity(y.detach(), taught, half * 0)) == 0.0 < float(affinity(y.detach(), taught, half))
    assert set(parts) == {f"kd_{name}" for name in spec.weights}


def test_the_sum_is_the_weighted_sum_and_a_small_picture_has_no_texture() -> None:
    taught, y = picture(0), picture(1)
    spec = Retinex(brightness=0.2, colour=0.1, texture=0.3)
    lesson = Lesson(y, taught, taught * 0.1, torch.ones(2, 1, 64, 96), 1)
    total, parts = lesson_terms(spec, lesson, None)
    wanted = {f"kd_{name}": weight * float(TERMS[name](y, taught)) for name, weight in spec.weights.items()}
    assert float(total) == pytest.approx(sum(wanted.values()), rel=1e-5) and set(parts) == set(wanted)
    assert set(lesson_terms(spec, replace(lesson, px=8), None)[1]) == {"kd_brightness", "kd_colour"}
    assert lesson_terms(Retinex(), lesson, None)[1] == {}


@pytest.mark.parametrize("gain", [2.0, 6.0])
def test_the_teachers_illumination_is_told_in_the_students_gain(gain: float) -> None:
    """What a gain and the shoulder made of the dark picture gives that gain back, at whatever size it is asked."""
    dark = torch.rand(1, 3, 64, 96) * 0.05 + 0.1
    found = torch.exp(log_gain(dark, shoulder(gain * dark)))
    assert float((found - gain).abs().max()) < 0.05 * gain
    assert float(torch.exp(log_gain(torch.zeros(1), torch.ones(1)))) == pytest.approx(GAIN_MAX)
    taught = shoulder(gain * dark)
    blocks = torch.nn.functional.pixel_unshuffle(shoulder(1.5 * gain * dark), 2)
    whole = float(retinex.illumination(blocks, taught, dark, 1))
    assert whole == pytest.approx(0.405, abs=0.03)  # log 1.5
    quarter = [torch.nn.functional.avg_pool2d(each, 4) for each in (blocks, taught, dark)]
    assert float(retinex.illumination(*quarter, 4)) == pytest.approx(whole, abs=0.02)


@pytest.mark.parametrize("asks", [False, True])
def test_a_student_learns_by_these_terms_alone(asks: bool) -> None:
    torch.manual_seed(0)
    net = build_net("ldfc", {"width": 16, "deep_width": 16, "light_width": 4})
    teacher = build_net("retinex_unet", {"width": 8, "code": 8})
    nothing = PictureLoss(charbonnier=0.0, ssim=0.0)
    spec = DistillSpec(
        loss=nothing, output_weight=0.0, level_weight=0.0, mask_worse=False,
        hints=(Hint(teacher="exposure.local", student="lgc.guide", by="affinity", weight=1.0),),
        retinex=Retinex(brightness=1, colour=1, texture=0.1, spectrum=0.1, illumination=0.5, step="lisc"),
    )  # fmt: skip
    objective = Distill(spec, net, teacher, torch.rand(1, 3, 64, 64))
    assert list(objective.parameters()) == []  # affinities need no adapter
    truth = picture(0, width=128)
    hint = torch.rand(2, 8, 8, 16)
    taught = None if asks else truth
    batch = Batch(truth * 0.1, truth, taught, () if asks else (hint,), 1, asks=asks)
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        loss, parts = objective(net, batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    assert {"kd_brightness", "kd_colour", "kd_illumination", "hint0"} <= set(parts)
    assert ("kd_texture" in parts) is not asks
    without = objective(net, replace(batch, without=("lisc",)))[1]
    assert "kd_illumination" in without and not net.get_submodule("lisc")._forward_pre_hooks


def test_a_step_that_the_student_lacks_is_told_before_any_work() -> None:
    net, teacher = build_net("ldfc", {}), build_net("retinex_unet", {"width": 8, "code": 8})
    spec = DistillSpec(retinex=Retinex(illumination=1, step="repair"))
    with pytest.raises(Exception, match=r"distill.retinex.step: no module 'repair' in Ldfc; there are: .*lisc"):
        check_names(spec, spec.train, net, teacher)


def test_without_terms_and_affinities_a_recipe_is_what_it_was() -> None:
    """Keys of stored results: neither the new section nor the new word of a hint is in them."""
    spec = DistillSpec(hints=(Hint(teacher="a", student="b"),))
    assert "retinex" not in spec.identity() and spec.identity()["hints"] == [
        {"teacher": "a", "student": "b", "weight": 0.1}
    ]
    other = DistillSpec(hints=(Hint(teacher="a", student="b", by="affinity"),), retinex=Retinex(colour=1))
    assert other.identity()["hints"][0]["by"] == "affinity" and other.identity()["retinex"]["colour"] == 1
