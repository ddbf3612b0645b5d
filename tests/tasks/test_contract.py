"""What every task keeps to, and that low-light enhancement is what it was before there were others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from compress.data.camera import EMBEDDED_CAMERA, darken, sample_night
from compress.data.source import data_digest, data_identity, open_data
from compress.errors import DataError
from compress.losses.picture import picture_loss
from compress.metrics import psnr_db
from compress.metrics.table import METRICS
from compress.schema import DataSpec, PictureLoss, TaskData, TaskSpec
from compress.tasks import TASKS, open_task, task_of

DATA = DataSpec(licence="test", kind="embedded", size=(60, 96), copies=1)
SPECS = (
    TaskSpec(), TaskSpec(kind="denoise"), TaskSpec(kind="super_resolution", scale=2),
    TaskSpec(kind="super_resolution", scale=3),
)  # fmt: skip
BOXES = (TaskSpec(kind="detect", classes=("car",)), TaskSpec(kind="night", classes=("car",)))
"""Those whose truth is no picture alone: ``tests/tasks/test_detect.py`` and ``test_night.py``."""

every_task = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.kind}{spec.scale or ''}")


def _data(spec: TaskSpec, **changes: object) -> DataSpec:
    known = {**DATA.model_dump(), **changes}
    return DataSpec(**known) if spec == TaskSpec() else TaskData(**known, task=spec)


def test_every_task_is_looked_at_here() -> None:
    assert {spec.kind for spec in (*SPECS, *BOXES)} == set(TASKS)


@every_task
def test_pairs_are_of_the_sizes_that_the_task_says_and_repeat(spec: TaskSpec) -> None:
    task = task_of(_data(spec))
    source, again = open_data(_data(spec), "test"), open_data(_data(spec), "test")
    low, high = source.pair(0)
    assert task.high_size(low.shape[:2]) == high.shape[:2] == (60, 96)  # type: ignore[arg-type]
    assert low.dtype == high.dtype == np.uint8 and low.flags["C_CONTIGUOUS"]
    assert np.array_equal(low, again.pair(0)[0]) and not np.array_equal(low, source.pair(2)[0])


@every_task
def test_doing_nothing_and_the_drawing_are_pictures_of_highs_size(spec: TaskSpec) -> None:
    task = open_task(spec)
    low, high = open_data(_data(spec), "test").pair(1)
    for picture in (task.untouched(low), task.drawn(low, high)):
        assert picture.shape == high.shape and picture.dtype == np.uint8


@every_task
def test_judged_by_metrics_that_there_are_and_said_in_words(spec: TaskSpec) -> None:
    task = open_task(spec)
    assert task.metrics and set(task.metrics) <= set(METRICS) and task.input_label and task.size_rule()
    assert all(low != high for low, high in task.folders)


@every_task
def test_loss_falls_towards_the_truth(spec: TaskSpec) -> None:
    torch.manual_seed(0)
    truth = torch.rand(2, 3, 32, 48)
    task, weights = open_task(spec), PictureLoss()
    near, far = (task.loss(truth * share, truth, weights)[0] for share in (0.95, 0.5))
    assert float(near) < float(far)
    assert float(task.loss(truth, truth, weights)[0]) == pytest.approx(float(picture_loss(truth, truth, weights)[0]))


def test_only_enhancement_has_brightness_to_find() -> None:
    for spec in SPECS:
        low, high = open_data(_data(spec), "test").pair(0)
        brightness = float(low.mean()) / float(high.mean())
        assert (brightness < 0.6) == open_task(spec).brightness_is_free
        assert open_task(spec).brightness_is_free or 0.97 < brightness < 1.03


def test_noise_is_as_strong_as_said() -> None:
    source = open_data(_data(TaskSpec(kind="denoise")), "test")
    found = [psnr_db(*source.pair(index)) for index in range(8)]
    assert 16 < min(found) and max(found) < 30


def test_shrunk_pictures_keep_their_means_and_lose_their_detail() -> None:
    task = open_task(TaskSpec(kind="super_resolution", scale=3))
    flat = np.full((30, 60, 3), 77, np.uint8)
    assert np.array_equal(task.untouched(task.low_of(flat, torch.Generator())), flat)
    with pytest.raises(DataError, match="multiples"):
        task.low_of(flat[:31, :59], torch.Generator())
    with pytest.raises(DataError, match=r"data.size=\[64, 96\].*task.scale, 3"):
        open_data(_data(TaskSpec(kind="super_resolution", scale=3), size=(64, 96)), "test")


def test_enhancements_pairs_are_those_of_before() -> None:
    high = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    made = open_task(TaskSpec()).low_of(high, torch.Generator().manual_seed(7))
    generator = torch.Generator().manual_seed(7)
    rgb = torch.from_numpy(high).permute(2, 0, 1)[None].float() / 255.0
    dark = darken(rgb, sample_night(EMBEDDED_CAMERA, 1, generator), generator)
    assert np.array_equal(made, (dark[0] * 255.0).round().to(torch.uint8).permute(1, 2, 0).numpy())


def test_tasks_have_sets_of_their_own_and_enhancement_keeps_its_identity() -> None:
    found = [data_digest(_data(spec)) for spec in SPECS]
    assert len(set(found)) == len(SPECS)
    assert "task" not in data_identity(DATA)
    assert data_identity(_data(SPECS[2]))["task"] == {"kind": "super_resolution", "scale": 2}


def _write(folder: Path, shapes: dict[str, tuple[int, int]]) -> None:
    for part in ("train", "test"):
        for number, (name, (height, width)) in enumerate(shapes.items()):
            (folder / part / name).mkdir(parents=True)
            for index in range(2):
                rng = np.random.default_rng((number, index, part == "test"))
                picture = rng.integers(0, 256, (height, width, 3), np.uint8)
                Image.fromarray(picture).save(folder / part / name / f"{index}.png")


@pytest.mark.parametrize(
    "spec, shapes",
    [
        (TaskSpec(kind="denoise"), {"noisy": (24, 32), "clean": (24, 32)}),
        (TaskSpec(kind="denoise"), {"low": (24, 32), "high": (24, 32)}),
        (TaskSpec(kind="super_resolution", scale=2), {"lr": (24, 32), "hr": (48, 64)}),
        (TaskSpec(kind="super_resolution", scale=3), {"low": (16, 20), "high": (48, 60)}),
    ],
)
def test_paired_folders_by_their_own_names(spec: TaskSpec, shapes: dict[str, tuple[int, int]], tmp_path: Path) -> None:
    _write(tmp_path, shapes)
    source = open_data(_data(spec, kind="paired", root=str(tmp_path), size=None, val_fraction=0.4), "test")
    low, high = source.pair(1)
    assert [low.shape[:2], high.shape[:2]] == list(shapes.values())


def test_a_pair_of_the_wrong_sizes_is_named(tmp_path: Path) -> None:
    _write(tmp_path, {"low": (24, 32), "high": (24, 32)})
    spec = _data(TaskSpec(kind="super_resolution", scale=2), kind="paired", root=str(tmp_path), size=None)
    with pytest.raises(DataError, match=r"0.png: is 32x24, but .*; high should be 2 times as high and wide"):
        open_data(spec, "test")
