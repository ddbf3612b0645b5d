"""Pictures with boxes shot at night: always the same ones to measure on, another night at each step of a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_boxes
import torch

from compress.data.batches import Batch
from compress.data.night import NightSource
from compress.data.night_batches import NightPlan
from compress.data.source import data_digest, open_source
from compress.data.truth import seen_by
from compress.schema import Augment, DataSpec, Phase, TaskData, TaskSpec

PHASES = (Phase(epochs=2, batch=4),)


def _data(root: Path, kind: str = "night") -> DataSpec:
    spec = DataSpec(licence="test", kind="boxes", root=str(root), size=(96, 96), labelled="named")
    task = TaskSpec.model_validate({"kind": kind, "classes": tiny_boxes.CLASSES})
    return TaskData(**dict(spec), task=task)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_boxes.write_set(tmp_path_factory.mktemp("boxes") / "set", 16)


def _night(root: Path, split: str = "train") -> NightSource:
    source = open_source(_data(root), split)  # type: ignore[arg-type]
    assert isinstance(source, NightSource)
    return source


def _plan(source: NightSource, zoom: float = 1.0, rank: int = 0, ranks: int = 1, seed: int = 3) -> NightPlan:
    return NightPlan(source, PHASES, Augment(zoom=zoom), seed, rank, ranks)


def test_a_picture_has_one_night_whatever_was_asked_before(root: Path) -> None:
    first, again = _night(root, "test"), _night(root, "test")
    forth = [first.pair(index) for index in range(len(first))]
    for index in reversed(range(len(first))):
        dark, truth = again.pair(index)
        assert np.array_equal(dark, forth[index][0]) and np.array_equal(truth.bright, forth[index][1].bright)
        assert dark.shape == truth.bright.shape == (96, 96, 3) and dark.dtype == np.uint8
        assert 0 < dark.mean() < 0.5 * truth.bright.mean()
        assert truth.boxes.labelled == frozenset(truth.boxes.boxes.labels.tolist())
    assert len({dark.tobytes() for dark, _ in forth}) == len(first)


def test_the_well_lit_picture_can_be_seen_in_its_place(root: Path) -> None:
    night = _night(root)
    lit = seen_by("truth", night)
    assert isinstance(lit, NightSource) and lit.names == night.names and seen_by("dark", night) is night
    seen, truth = lit.pair(0)
    assert np.array_equal(seen, truth.bright) and np.array_equal(truth.bright, night.pair(0)[1].bright)
    batch = _plan(lit).batch(0)
    assert torch.equal(batch.dark, batch.bright)


def test_the_same_boxes_by_day_are_another_set(root: Path) -> None:
    by_day = data_digest(_data(root, "detect"))
    assert data_digest(_data(root)) != by_day
    assert by_day == data_digest(DataSpec(licence="test", kind="boxes", root=str(root), size=(96, 96)))


def _same(one: Batch, other: Batch) -> bool:
    assert one.boxes is not None and other.boxes is not None
    pairs = [(one.dark, other.dark), (one.bright, other.bright), (one.boxes.corners, other.boxes.corners)]
    return all(torch.equal(mine, theirs) for mine, theirs in pairs)


@pytest.mark.parametrize("zoom", [1.0, 0.5])
def test_batches_are_a_function_of_seed_and_step(root: Path, zoom: float) -> None:
    plan = _plan(_night(root), zoom)
    assert _same(plan.batch(1), _plan(_night(root), zoom).batch(1))
    assert not _same(plan.batch(1), _plan(_night(root), zoom, seed=4).batch(1))
    assert plan.batch(0).done == 0.0 < plan.batch(1).done < 1.0
    whole, halves = plan.batch(2), [_plan(_night(root), zoom, rank, 2).batch(2) for rank in (0, 1)]
    for rank, half in enumerate(halves):
        assert torch.equal(half.dark, whole.dark[rank::2]) and torch.equal(half.bright, whole.bright[rank::2])


def test_a_scene_is_shot_anew_at_each_step(root: Path) -> None:
    source = _night(root)
    plan = NightPlan(source, (Phase(epochs=2, batch=len(source)),), Augment(flip=False), 0)
    first, second = plan.batch(0), plan.batch(1)
    scenes = [{each.numpy().tobytes(): place for place, each in enumerate(batch.bright)} for batch in (first, second)]
    assert scenes[0].keys() == scenes[1].keys()
    for scene, place in scenes[0].items():
        assert not torch.equal(first.dark[place], second.dark[scenes[1][scene]])


@pytest.mark.parametrize("zoom", [1.0, 0.4])
def test_boxes_lie_on_their_objects_in_the_batch(root: Path, zoom: float) -> None:
    """Squares are reddish, discs greenish; noise is neither."""
    plan, looked = _plan(_night(root), zoom), 0
    for step in range(plan.steps):
        batch = plan.batch(step)
        assert batch.boxes is not None and batch.dark.shape == batch.bright.shape
        for picture, corners, labels in zip(batch.bright, batch.boxes.corners, batch.boxes.labels, strict=True):
            for (left, top, right, bottom), label in zip(corners.tolist(), labels.tolist(), strict=True):
                if label >= 0:
                    x, y = min(int((left + right) / 2), 95), min(int((top + bottom) / 2), 95)
                    looked += 1
                    assert picture[1 if label else 0, y, x] > 0.6
    assert looked > 8
