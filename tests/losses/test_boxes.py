"""A detector's loss: who answers for what, terms by hand, and that nothing unknown is held against it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from compress.data.batches import Batch, BoxTargets
from compress.detection.decode import decode
from compress.losses.box_objectives import BoxDistill, BoxSupervised, imitation
from compress.losses.boxes import assign, box_loss, focal_loss, giou_loss, read_maps
from compress.models import build_net
from compress.models.fcos_lite import STRIDES
from compress.records import BoxMaps

CLASSES = 2


def _targets(*boxes: tuple[float, float, float, float, int], labelled: tuple[bool, bool] = (True, True)) -> BoxTargets:
    table = torch.tensor(boxes).reshape(1, -1, 5)
    return BoxTargets(table[..., :4].float(), table[..., 4].long(), torch.tensor([labelled]))


def _maps(seed: int = 0, height: int = 64, width: int = 96) -> Tensor:
    torch.manual_seed(seed)
    net = build_net("fcos_lite", {"width": 8, "classes": CLASSES})
    return net(torch.rand(1, 3, height, width)).detach()


def test_training_and_decoding_read_the_same_boxes() -> None:
    maps = _maps() + 3 * torch.randn(1, 21, 8, 12, generator=torch.Generator().manual_seed(1))
    for level in (1, 2):  # as a network repeats coarser levels
        step, part = 2**level, slice(7 * level, 7 * level + 7)
        small = maps[:, part, ::step, ::step]
        maps[:, part] = small.repeat_interleave(step, 2).repeat_interleave(step, 3)
    answer = read_maps(maps, STRIDES)
    found = decode(maps[0].numpy(), BoxMaps(classes=("a", "b")), 64, 96)
    scores = torch.sqrt(torch.sigmoid(answer.logits) * torch.sigmoid(answer.centre)[..., None])[0]
    sides = torch.tensor([96.0, 64, 96, 64])
    assert len(found)
    for corners, label, score in zip(found.corners, found.labels, found.scores, strict=True):
        place = (scores[:, label] - score).abs().argmin()
        cut = answer.corners[0, place].clamp(min=0).minimum(sides)
        assert cut.numpy() == pytest.approx(corners, abs=1e-3)
        assert float(scores[place, label]) == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize(
    ("box", "stride"), [((8, 8, 40, 40), 8), ((0, 0, 76, 76), 8), ((0, 0, 140, 140), 16), ((0, 0, 500, 250), 32)]
)
def test_a_box_is_answered_for_by_a_level_of_its_size(box: tuple[int, int, int, int], stride: int) -> None:
    places = read_maps(_maps(height=256, width=512), STRIDES).places
    found = assign(places, _targets((*box, 1)))
    mine = found.labels[0] == 1
    assert set(places.strides[mine].tolist()) == {float(stride)}
    assert (found.corners[0, mine] == torch.tensor(box)).all()
    middle = torch.tensor([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2])
    assert ((places.centres[mine] - middle).abs().amax(1) < 1.5 * stride).all()
    assert float(found.central[0, mine].max()) > 0.5 and not found.central[0, ~mine].any()


def test_of_two_boxes_a_place_takes_the_smaller() -> None:
    places = read_maps(_maps(), STRIDES).places
    found = assign(places, _targets((0, 0, 60, 60, 0), (20, 20, 40, 40, 1)))
    at = ((places.centres - 28).abs().amax(1) < 1) & (places.strides == 8)
    assert found.labels[0, at].tolist() == [1]


def test_filling_is_no_box() -> None:
    places = read_maps(_maps(), STRIDES).places
    assert (assign(places, _targets((0, 0, 60, 60, -1))).labels == -1).all()


def test_giou_and_focal_loss_by_hand() -> None:
    one = torch.tensor([[0.0, 0, 2, 2], [0, 0, 1, 1], [0, 0, 2, 2]])
    other = torch.tensor([[0.0, 0, 2, 2], [3, 0, 4, 1], [1, 0, 3, 2]])
    assert giou_loss(one, other).tolist() == pytest.approx([0.0, 1 + 2 / 4, 1 - 2 / 6])
    logits, truth = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 0.0])
    share = 1 / (1 + math.exp(-2))
    wanted = [0.25 * 0.25 * math.log(2), 0.75 * share**2 * -math.log(1 - share)]
    assert focal_loss(logits, truth).tolist() == pytest.approx(wanted)


def test_a_class_that_was_not_labelled_costs_nothing_but_on_other_objects() -> None:
    maps = _maps()
    sure = maps.clone()
    sure[:, 1::7] = 6.0  # class 1 everywhere
    box = (8.0, 8.0, 40.0, 40.0, 0)
    known, unknown = (_targets(box, labelled=(True, told)) for told in (True, False))

    def classes(given: Tensor, targets: BoxTargets) -> float:
        return float(box_loss(given, targets, STRIDES)[1]["classes"])

    assert classes(sure, known) > 5 * classes(sure, unknown) > 5 * classes(maps, unknown)
    answer = read_maps(maps.requires_grad_(), STRIDES)
    box_loss(maps, unknown, STRIDES)[1]["classes"].backward()
    gradient = read_maps(maps.grad, STRIDES).logits[0]  # type: ignore[arg-type]
    told = assign(answer.places, unknown).labels[0] >= 0
    assert gradient[told, 1].any() and not gradient[~told, 1].any() and gradient[~told, 0].all()


def test_pictures_without_boxes_can_be_learned_from() -> None:
    maps = _maps().requires_grad_()
    loss, parts = box_loss(maps, _targets((0, 0, 0, 0, -1)), STRIDES)
    loss.backward()
    assert math.isfinite(float(loss.detach())) and float(parts["boxes"].detach()) == 0.0
    assert maps.grad is not None and bool(maps.grad.isfinite().all()) and bool(maps.grad.any())


def test_a_teacher_is_imitated_and_asked_about_each_batch() -> None:
    torch.manual_seed(0)
    net, teacher = (build_net("fcos_lite", {"width": 8, "classes": CLASSES}) for _ in range(2))
    dark = torch.rand(1, 3, 64, 96)
    batch = Batch(dark, dark, None, (), 1, boxes=_targets((8, 8, 40, 40, 0)))
    truth = float(BoxSupervised()(net, batch)[0].detach())
    total, parts = BoxDistill(teacher, 0.25)(net, batch)
    assert float(total.detach()) == pytest.approx(0.75 * truth + 0.25 * float(parts["taught"].detach()), rel=1e-5)
    told = read_maps(_maps(), STRIDES)
    near, far = (read_maps(_maps() + away * torch.sign(_maps()), STRIDES) for away in (0.1, 2.0))
    assert float(imitation(told, told)) < float(imitation(near, told)) < float(imitation(far, told))
    assert not list(BoxDistill(teacher, 0.5).parameters()) and np.isfinite(truth)
