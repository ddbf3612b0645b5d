"""Batches of pictures with boxes: the same at every call, mirrored along, of what is known."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_boxes
import torch

from compress.data.box_batches import BoxPlan, mirror, targets_of
from compress.data.boxes import BoxSource, open_folder
from compress.detection.truth import BoxTruth
from compress.metrics.detection import Boxes
from compress.schema import Augment, DataSpec, Phase

PHASES = (Phase(epochs=4, batch=4),)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> BoxSource:
    root = tiny_boxes.write_set(tmp_path_factory.mktemp("boxes") / "set", 16)
    spec = DataSpec(licence="test", kind="boxes", root=str(root), size=(96, 96), labelled="named")
    return BoxSource(open_folder(spec), "train")


def _colour(batch: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    x, y = ((corners[place] + corners[place + 2]) / 2 for place in (0, 1))
    return batch[:, int(y), int(x)]


def test_boxes_follow_their_pictures(source: BoxSource) -> None:
    plan = BoxPlan(source, PHASES, Augment(flip=True), seed=1)
    sides = []
    for step in range(plan.steps):
        batch = plan.batch(step)
        assert batch.boxes is not None and batch.dark.shape == (4, 3, 96, 96)
        for picture, corners, labels in zip(batch.dark, batch.boxes.corners, batch.boxes.labels, strict=True):
            for box, label in zip(corners[labels >= 0], labels[labels >= 0], strict=True):
                assert float(_colour(picture, box)[int(label)]) > 0.8
                sides.append(float(box[0]))
    assert plan.steps == 10 and len(set(sides)) > len(source)  # mirrored ones lie elsewhere


def test_a_step_is_decided_by_seed_and_number(source: BoxSource) -> None:
    one, other, seed = (BoxPlan(source, PHASES, Augment(exposure=0.3), seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.batch(3).dark, other.batch(3).dark)
    assert not torch.equal(one.batch(3).dark, seed.batch(3).dark)


def test_processes_share_a_batch(source: BoxSource) -> None:
    whole = BoxPlan(source, PHASES, Augment(), seed=1).batch(0)
    halves = [BoxPlan(source, PHASES, Augment(), seed=1, rank=rank, ranks=2).batch(0) for rank in (0, 1)]
    assert torch.equal(whole.dark[0::2], halves[0].dark) and torch.equal(whole.dark[1::2], halves[1].dark)


def test_targets_are_filled_up_and_say_what_is_labelled(source: BoxSource) -> None:
    boxes = Boxes(np.array([[1.0, 2, 3, 4], [5, 6, 7, 8]]), np.array([1, 1]), np.ones(2))
    none = Boxes(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    found = targets_of([BoxTruth(boxes, frozenset({1})), BoxTruth(none)], 2)
    assert found.corners[0].tolist() == boxes.corners.tolist()
    assert found.labels.tolist() == [[1, 1], [-1, -1]] and found.labelled.tolist() == [[False, True], [True, True]]


def test_mirroring_twice_is_nothing(source: BoxSource) -> None:
    picture, truth = source.pair(0)
    once = mirror(picture, truth)
    again = mirror(*once)
    assert np.array_equal(again[0], picture) and again[1].boxes.corners == pytest.approx(truth.boxes.corners)
    assert (once[1].boxes.corners[:, 2] > once[1].boxes.corners[:, 0]).all()
