"""What a network with two heads is trained for, alone and under a teacher that sees the well-lit picture."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from compress.data.batches import Batch, BoxTargets
from compress.losses.box_objectives import BoxSupervised
from compress.losses.night import NightDistill, NightSupervised
from compress.losses.picture import picture_loss
from compress.models import build_net
from compress.schema import DistillSpec, Hint, PictureLoss, TaskWeights

NET = {"width": 8, "mend": 8, "classes": 2}
HINTS = (Hint(teacher="neck.smooth_fine", student="neck.smooth_fine", weight=1.0, by="objects"),)
EVEN = TaskWeights(boxes=1.0, picture=1.0)


class Two(nn.Module):
    """Gives back what it was made with."""

    def __init__(self, picture: torch.Tensor, maps: torch.Tensor) -> None:
        super().__init__()
        self.answer = picture, maps

    def forward(self, _x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.answer


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    bright = torch.rand(2, 3, 64, 64, generator=generator)
    corners = torch.tensor([[[8.0, 8.0, 40.0, 40.0]], [[20.0, 10.0, 60.0, 50.0]]])
    targets = BoxTargets(corners, torch.tensor([[0], [1]]), torch.ones(2, 2, dtype=torch.bool))
    return Batch(bright * 0.1, bright, None, (), 1, boxes=targets)


def _net(seed: int = 0, width: int = 8) -> nn.Module:
    torch.manual_seed(seed)
    return build_net("night_pair", {**NET, "width": width})


def test_the_loss_is_the_weighted_sum_of_both_tasks(batch: Batch) -> None:
    answer = torch.rand(2, 3, 64, 64), torch.randn(2, 21, 8, 8)
    net, weights = Two(*answer), PictureLoss(colour=0.5)
    both, parts = NightSupervised(weights, TaskWeights(boxes=2.0, picture=3.0))(net, batch)
    boxes, _ = BoxSupervised()(_Maps(answer[1]), batch)
    light, _ = picture_loss(answer[0], batch.bright, weights)
    assert float(both) == pytest.approx(2.0 * float(boxes) + 3.0 * float(light), rel=1e-5)
    assert parts.keys() == {"classes", "boxes", "centre", "charbonnier", "ssim", "colour"}


class _Maps(nn.Module):
    def __init__(self, maps: torch.Tensor) -> None:
        super().__init__()
        self.maps = maps

    def forward(self, _x: torch.Tensor) -> torch.Tensor:
        return self.maps


@pytest.mark.parametrize(("tasks", "still"), [(TaskWeights(boxes=0.0), "head"), (TaskWeights(picture=0.0), "mend")])
def test_a_task_without_weight_moves_nothing_of_its_head(batch: Batch, tasks: TaskWeights, still: str) -> None:
    net = _net()
    NightSupervised(PictureLoss(), tasks)(net, batch)[0].backward()
    grads = {name: bool(p.grad is not None and p.grad.abs().max() > 0) for name, p in net.named_parameters()}
    assert not any(moved for name, moved in grads.items() if name.startswith(still))
    assert grads["stem.halve.weight"]


@pytest.mark.parametrize("taught", [True, False])
def test_a_part_that_a_phase_leaves_out_is_not_moved(batch: Batch, taught: bool) -> None:
    net = _net()
    told = NightDistill(DistillSpec(teacher_sees="truth", hints=HINTS), EVEN, net, _net(1, 16))
    objective = told if taught else NightSupervised(PictureLoss(), EVEN)
    objective(net, replace(batch, without=("mend",)))[0].backward()
    moved = {name.split(".")[0] for name, p in net.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert "mend" not in moved and {"stem", "neck", "head", "light"} <= moved


def test_of_classes_that_were_not_looked_for_only_places_on_objects_tell(batch: Batch) -> None:
    """No gradient reaches a logit of such a class where no object is."""
    assert batch.boxes is not None
    labelled = torch.tensor([[True, False], [False, True]])
    named = replace(batch, boxes=replace(batch.boxes, labelled=labelled))
    maps = torch.zeros(2, 21, 8, 8, requires_grad=True)
    NightSupervised(PictureLoss(), EVEN)(Two(batch.bright, maps), named)[0].backward()
    assert maps.grad is not None
    first_level = maps.grad[0, :2]  # the object of the first picture, class 0, is answered for at strides 8 and 16
    assert float(first_level[0].abs().min()) > 0
    beside = first_level[1, 6:, 6:]
    assert float(beside.abs().max()) == 0.0


def test_the_teacher_sees_the_well_lit_picture_where_it_is_told_so(batch: Batch) -> None:
    seen: list[torch.Tensor] = []
    for sees in ("truth", "dark"):
        teacher, net = _net(1, 16), _net(0)
        objective = NightDistill(DistillSpec(teacher_sees=sees, hints=HINTS), EVEN, net, teacher)
        with torch.no_grad():
            teacher.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
            objective(net, batch)
    assert torch.equal(seen[0], batch.bright) and torch.equal(seen[1], batch.dark)


def test_everything_of_a_distillation_reaches_the_student_and_nothing_the_teacher(batch: Batch) -> None:
    teacher, net = _net(1, 16), _net(0)
    objective = NightDistill(DistillSpec(teacher_sees="truth", hints=HINTS), EVEN, net, teacher)
    total, parts = objective(net.train(), batch)
    total.backward()
    assert parts.keys() == {"classes", "boxes", "centre", "charbonnier", "ssim", "taught", "hint0"}
    assert all(p.grad is None for p in teacher.parameters())
    assert all(p.grad is not None for p in objective.parameters()) and len(list(objective.parameters())) == 2
    assert {name for name, p in net.named_parameters() if p.grad is None} == set()
    assert not any(key.startswith("_teacher") for key in objective.state_dict())


def test_another_network_teaches_more_than_itself(batch: Batch) -> None:
    net, taught = _net(0).eval(), []
    for teacher in (net, _net(5).eval()):
        with torch.no_grad():
            taught.append(float(NightDistill(DistillSpec(), EVEN, net, teacher)(net, batch)[1]["taught"]))
    assert taught[0] < taught[1]


def test_hints_fade(batch: Batch) -> None:
    teacher, net = _net(1, 16).eval(), _net(0)
    objective = NightDistill(DistillSpec(teacher_sees="truth", hints=HINTS, hints_end=0.0), EVEN, net, teacher)
    with torch.no_grad():
        begun, parts = objective(net, batch)
        ended, _ = objective(net, replace(batch, done=1.0))
    assert float(begun - ended) == pytest.approx(float(parts["hint0"]), rel=1e-4)
