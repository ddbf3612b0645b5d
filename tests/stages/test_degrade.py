"""Stage ``degrade``: one kernel for a camera's frames, and pairs made with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tiny_nets
from known_kernels import PHOTOGRAPHS, given, known_kernel
from PIL import Image

from compress.artefacts import Labels
from compress.data.labelled import LabelList
from compress.data.pictures import read_picture
from compress.data.source import open_data
from compress.degradation.kernel import kernel_psnr_db
from compress.degradation.records import KernelReport
from compress.schema import DataSpec, DegradeSpec, Seed, TaskData, TaskSpec
from compress.stages import load_stage
from compress.zero_shot.pairs import degraded

SCALE = 2
TRUE = known_kernel(3, SCALE)


def frames(folder: Path) -> DataSpec:
    folder.mkdir()
    for name in PHOTOGRAPHS:
        picture = given(name, TRUE, SCALE)
        for part, cut in enumerate((picture[:128, :131], picture[-129:, -128:])):
            Image.fromarray(cut).save(folder / f"{name}-{part}.png")
    plain = DataSpec(licence="any", kind="frames", root=str(folder), gap=0)
    return TaskData(**dict(plain), task=TaskSpec(kind="super_resolution", scale=SCALE))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataSpec, Labels]:
    folder = tmp_path_factory.mktemp("camera")
    data = frames(folder / "frames")
    for name in ("out", "scratch"):
        (folder / name).mkdir()
    spec, told = DegradeSpec(restarts=4, noise=False), tiny_nets.Told()
    load_stage("degrade").function(data, spec, Seed(seed=0), folder / "out", folder / "scratch", told)
    return data, Labels(folder / "out", "key", "digest")


def test_the_kernel_of_the_camera_is_found_and_drawn(made: tuple[DataSpec, Labels]) -> None:
    _, labels = made
    assert labels.kernel is not None
    report = KernelReport.read(labels.kernel)
    assert kernel_psnr_db(report.kernel, TRUE) > 24
    assert report.kernel.shape == (13, 13) and report.kernel.sum() == pytest.approx(1, abs=1e-4)
    assert report.restarts == 4 and np.max(report.deviations) > 0 and report.wide_px[1] > 0
    drawing = (labels.folder / "kernel.svg").read_text()
    assert drawing.count("<rect") == 1 + 2 * 13**2 and "4 restarts over" in drawing


def test_pairs_are_the_frame_and_the_frame_made_smaller_by_it(made: tuple[DataSpec, Labels]) -> None:
    data, labels = made
    listed = LabelList.read(labels.listed)
    assert listed.reference == "given frame"
    kernel = KernelReport.read(labels.kernel or Path())
    source = open_data(data, "train", labels)
    low, high = source.pair(0)
    height, width = (side // 4 * 4 for side in read_picture(Path(str(data.root)) / f"{source.names[0]}.png").shape[:2])
    assert high.shape == (height, width, 3)  # whole blocks of the small picture
    np.testing.assert_array_equal(low, degraded(high, kernel.kernel, SCALE, 0.0, 0))
