"""Super-resolution from a network to measured builds: every file, contract and picture of the larger size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import tiny_nets
import torch
from torch.nn import functional as F

from compress.artefacts import Builds, Quantized, Student
from compress.bundle.contract import CONTRACT, ContractFile, check_build
from compress.bundle.golden import read_png, write_golden
from compress.bundle.reach import tiling_of_file
from compress.bundle.shipped import ship_builds
from compress.data.batches import BatchPlan
from compress.data.source import open_data
from compress.errors import BuildError
from compress.looks.records import read_looks
from compress.metrics import psnr_db
from compress.models import build_net
from compress.models.enhance import enhance
from compress.models.quantized import insert_fake_quant, read_table, save_fake_quant
from compress.models.weights import load_net, save_net
from compress.parity.compare import Subject, compare
from compress.parity.frames import data_frames
from compress.records import Build, BuildList, IOContract, QualityReport
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import OUTPUT
from compress.runtimes.picture import PictureRunner, io_contract
from compress.runtimes.tiles import tiled
from compress.schema import (
    Augment,
    DeviceSpec,
    ExportSpec,
    Phase,
    QuantizeSpec,
    Scheme,
    Slices,
    TaskData,
    TaskSpec,
    ValidateSpec,
)
from compress.stages import load_stage

SCALE, HIGH, LOW = 2, (96, 128), (48, 64)
DATA = TaskData(licence="free", kind="embedded", size=HIGH, task=TaskSpec(kind="super_resolution", scale=SCALE))


@dataclass(frozen=True)
class Made:
    student: Student
    quantized: Quantized
    builds: Builds

    def build(self, name: str) -> Build:
        return next(each for each in BuildList.read(self.builds.folder / "builds.json").builds if each.name == name)

    def runner(self, name: str) -> PictureRunner:
        return PictureRunner(self.build(name), self.builds.folder, RunOptions(threads=1))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("sr")
    torch.manual_seed(0)
    net = build_net("anchor_cnn", {"width": 8, "depth": 2, "scale": SCALE}).eval()
    with torch.no_grad():
        net.repair.leave.weight.mul_(3.0)  # type: ignore[union-attr, operator]
    student, quantized, builds = (folder / name for name in ("student", "quantized", "builds"))
    for each in (student, quantized, builds):
        each.mkdir()
    for each in (student, quantized):
        save_net(net, each / "net.safetensors")
    fake = insert_fake_quant(net, [torch.rand(1, 3, *LOW) for _ in range(2)], Scheme(), QuantizeSpec())
    for which in ("qat", "ptq"):
        save_fake_quant(fake, quantized, which)  # type: ignore[arg-type]
    read_table(fake, Scheme(), ()).write(quantized / "quantization.json")
    found = Made(Student(student, "k", "d"), Quantized(quantized, "k", "d"), Builds(builds, "k", "d"))
    load_stage("export").function(
        None, found.student, None, None, found.quantized, ExportSpec(size=LOW), tiny_nets.FLOATS, tiny_nets.NO_BOARD,
        DATA, builds, tiny_nets.Told(),
    )  # fmt: skip
    return found


def test_an_untrained_network_repeats_pixels() -> None:
    x = torch.rand(1, 3, 12, 16)
    for scale in (1, 2, 3):
        net = build_net("anchor_cnn", {"width": 8, "depth": 1, "scale": scale}).eval()
        for parameter in net.parameters():
            parameter.data.zero_()
        assert torch.equal(net(x), F.interpolate(x, scale_factor=float(scale), mode="nearest"))


def test_a_network_comes_back_from_its_file_as_large(tmp_path: Path) -> None:
    save_net(build_net("anchor_cnn", {"scale": 3}), tmp_path / "net.safetensors")
    net = load_net(tmp_path / "net.safetensors")
    picture = np.full((15, 21, 3), 90, np.uint8)  # odd sides are filled up, and the answer cut
    assert net.scale == 3 and enhance(net, picture).shape == (45, 63, 3)


def test_training_cuts_the_same_place_of_both_pictures() -> None:
    source = open_data(DATA, "train")
    plan = BatchPlan(source, (Phase(epochs=1, batch=2, crop=32),), Augment(zoom=0.7), seed=3)
    for step in range(3):
        batch = plan.batch(step)
        assert [SCALE * side for side in batch.dark.shape[2:]] == list(batch.bright.shape[2:])
        shrunk = F.avg_pool2d(batch.bright, SCALE)
        assert float((shrunk - batch.dark).abs().mean()) < 0.02 < float((shrunk.roll(4, 3) - batch.dark).abs().mean())


def test_contracts_say_the_scale_and_files_keep_them(made: Made, tmp_path: Path) -> None:
    listed = BuildList.read(made.builds.folder / "builds.json")
    assert {build.contract.scale for build in listed.builds} == {SCALE} and len(listed.builds) == 7
    for build in listed.builds:
        check_build(build, made.builds.folder)
    wrong = made.build("int8-onnx-48x64")
    contract = wrong.contract.model_copy(update={"scale": 1})
    with pytest.raises(BuildError, match="output is 96x128, the build says 48x64"):
        check_build(wrong.model_copy(update={"contract": contract}), made.builds.folder)
    ship_builds(listed, made.builds.folder, tmp_path)
    shipped = ContractFile.read(tmp_path / CONTRACT).builds
    for each in shipped:
        assert each.contract.scale == SCALE and each.feeding is not None and each.tiling is not None
        assert "2 times the input's height" in each.contract.postprocessing and "2 * height" in each.feeding.cutting
        assert each.tiling.exact and each.tiling.halo_px == 8  # 7, and half a pixel of the answer, rounded up
    assert f", {SCALE}u}}" in (tmp_path / "contract.h").read_text()


def test_a_contract_of_one_size_is_written_as_before() -> None:
    contract = io_contract("onnx", 8, 16, 8)
    assert "scale" not in contract.model_dump() and IOContract.model_validate(contract.model_dump()) == contract
    assert io_contract("onnx", 8, 16, 8, scale=2).model_dump()["scale"] == 2


@pytest.mark.parametrize("name", ["student-onnx-48x64", "int8-onnx-free", "int8-openvino-48x64", "int8-onnx-48x64"])
@pytest.mark.parametrize("size", [LOW, (33, 50)])
def test_builds_enlarge_pictures_of_any_size(made: Made, name: str, size: tuple[int, int]) -> None:
    low = open_data(DATA, "test").pair(0)[0]
    picture = np.ascontiguousarray(np.tile(low, (2, 2, 1))[: size[0], : size[1]])
    answer = made.runner(name)(picture)
    assert answer.shape == (SCALE * size[0], SCALE * size[1], 3)
    assert psnr_db(answer, enhance(load_net(made.student.weights), picture)) > 30


def test_tiles_with_the_halo_give_the_whole_pictures_answer(made: Made) -> None:
    run = made.runner("student-onnx-48x64")
    halo = tiling_of_file(made.builds.folder / "student-onnx-48x64.onnx", 2).halo_px
    assert halo is not None
    picture = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    seamed = tiled(run, picture, (32, 48), halo + halo % 2, SCALE)
    assert np.abs(seamed.astype(int) - run(picture).astype(int)).max() <= 1


def test_golden_frames_hold_larger_answers(made: Made, tmp_path: Path) -> None:
    build = made.build("int8-openvino-48x64")
    frames = {"a": open_data(DATA, "test").pair(0)[0]}
    run = made.runner(build.name)
    runs = {build.name: (build, lambda picture: {OUTPUT: run(picture)})}
    golden = write_golden(tmp_path, frames, runs, {}, "free")
    (frame,) = golden.frames
    assert (frame.height, frame.width) == LOW and read_png(tmp_path / frame.outputs[0].file).shape == (*HIGH, 3)
    small = build.model_copy(update={"contract": build.contract.model_copy(update={"scale": 1})})
    (tmp_path / "again").mkdir()
    with pytest.raises(BuildError, match="answers"):
        write_golden(tmp_path / "again", frames, {build.name: (small, runs[build.name][1])}, {}, "free")


def test_validation_is_against_the_large_truth(made: Made, tmp_path: Path) -> None:
    spec = ValidateSpec(max_images=2, warmup_runs=1, timed_runs=2, metrics=("psnr", "ssim", "vif"))
    load_stage("validate").function(
        made.builds, made.quantized, spec, DATA, DeviceSpec(threads=1), Slices(named=()), tmp_path, tiny_nets.Told()
    )
    quality = QualityReport.read(tmp_path / "quality.json")
    assert quality.input_label == "small input, bicubic" and [each.name for each in quality.metrics] == ["vif"]
    low, high = open_data(DATA, "test").pair(1)
    student = next(row for row in quality.rows if row.variant == "student")
    bicubic = next(row for row in quality.rows if row.variant == "input")
    assert student.psnr_db[1] == pytest.approx(psnr_db(enhance(load_net(made.student.weights), low), high), abs=0.02)
    assert bicubic.psnr_db[1] > 20 and len(bicubic.values("vif")) == 2
    looks = read_looks(tmp_path / "looks")
    assert looks is not None
    sizes = {read_png(tmp_path / "looks" / crop.file).shape for crop in looks.looks[0].crops}
    assert sizes == {(*HIGH, 3)}


def test_parity_compares_larger_answers(made: Made) -> None:
    builds = tuple(map(made.build, ("int8-onnx-48x64", "int8-openvino-48x64")))
    nets = {"student": made.student.weights}
    subject = Subject("sr", made.builds.folder, builds, (), made.quantized.folder, nets, "student")  # type: ignore[arg-type]
    report = compare(subject, data_frames(DATA, "test", 2), RunOptions(threads=1), tiny_nets.Told())
    assert [row.result for row in report.rows if row.name.startswith("int8")] == ["pass", "pass"]


def test_a_build_that_holds_a_size_is_refused(made: Made) -> None:
    build = made.build("int8-onnx-48x64")
    wrong = build.model_copy(update={"contract": build.contract.model_copy(update={"scale": 3})})
    with pytest.raises(BuildError, match="answers"):
        PictureRunner(wrong, made.builds.folder, RunOptions(threads=1))(np.zeros((*LOW, 3), np.uint8))
