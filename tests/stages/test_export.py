"""Export of a tiny chain: which builds there are, what ships, contracts, and builds this version can't make."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_nets
import torch
from loopback import HOST, loopback
from torch import Tensor, nn

from compress.artefacts import Quantized, Student
from compress.bundle.contract import check_build
from compress.config.load import load_plans, load_target
from compress.errors import BuildError
from compress.records import BoxMaps, BuildList
from compress.runtimes import why_not_built
from compress.runtimes.base import PLAIN, RunOptions
from compress.runtimes.picture import PictureRunner
from compress.schema import Board, ExportSpec, FloatLayers, Scheme, TaskData, TaskSpec
from compress.stages import load_stage
from compress.stages.export import _contract, _File, _Network, _Shape, _shape
from compress.tflite_kind import TfliteKind

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Student, Quantized]:
    folder = tmp_path_factory.mktemp("chain")
    return tiny_nets.make_student(folder / "student"), tiny_nets.make_quantized(folder / "quantized")


def _export(
    chain: tuple[Student, Quantized], spec: ExportSpec, out: Path, host: str | None = None, **floats: Any
) -> tuple[BuildList, tiny_nets.Told]:
    out.mkdir()
    device = {"on_device": True, "runtime": "openvino", "precision": "f32", "builds": spec.builds, **floats}
    told = tiny_nets.Told()
    nets = (None, chain[0], None, None, chain[1])
    board = Board(host=host, builds=spec.builds)
    load_stage("export").function(*nets, spec, FloatLayers(**device), board, tiny_nets.DATA, out, told)
    return BuildList.read(out / "builds.json"), told


@pytest.fixture(scope="module")
def exported(chain: tuple[Student, Quantized], tmp_path_factory: pytest.TempPathFactory) -> tuple[BuildList, Path]:
    out = tmp_path_factory.mktemp("exported") / "out"
    return _export(chain, ExportSpec(size=SIZE), out)[0], out


def test_every_network_gets_its_builds_and_int8_ships(exported: tuple[BuildList, Path]) -> None:
    listed, _ = exported
    assert [build.name for build in listed.builds] == [
        "student-onnx-32x48", "student-openvino-32x48", "int8-onnx-32x48", "int8-openvino-32x48", "int8-onnx-free",
        "ptq-onnx-32x48", "ptq-openvino-32x48",
    ]  # fmt: skip
    assert {build.variant for build in listed.builds if build.ships} == {"int8"}
    assert not listed.not_built


def test_all_builds_keep_their_contract(exported: tuple[BuildList, Path]) -> None:
    listed, out = exported
    for build in listed.builds:
        check_build(build, out)
        assert build.contract.size_multiple == 8
    files = {name for build in listed.builds for name in build.files} | {"builds.json"}
    assert {path.name for path in out.iterdir()} == files


def test_scales_were_compared_and_equal(exported: tuple[BuildList, Path], chain: tuple[Student, Quantized]) -> None:
    from compress.records import QuantizationTable

    tensors = len(QuantizationTable.read(chain[1].table).tensors)
    for build in exported[0].builds:
        assert build.inspection.scales_compared == (tensors if build.variant == "int8" else 0)
        assert build.inspection.scale_differences == ()
        assert (build.inspection.int8_layers > 0) == (build.variant in ("int8", "ptq"))


def test_int8_is_smaller(exported: tuple[BuildList, Path]) -> None:
    sizes = {build.name: build.size_bytes for build in exported[0].builds}
    assert sizes["int8-onnx-32x48"] < sizes["student-onnx-32x48"]


def _conv_macs(net: nn.Module) -> int:
    """Multiplications of all Conv2d modules for one picture, by the textbook."""
    counted: list[int] = []

    def count(module: nn.Conv2d, _args: tuple[Tensor, ...], answer: Tensor) -> None:
        counted.append(answer.numel() * module.weight[0].numel())

    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    net(torch.zeros(1, 3, *SIZE))
    return sum(counted)


def test_facts_are_counted(exported: tuple[BuildList, Path], chain: tuple[Student, Quantized]) -> None:
    (facts,) = exported[0].nets
    net = tiny_nets.student_net()
    assert facts.variant == "student" and facts.params == sum(p.numel() for p in net.parameters())
    assert (facts.macs_height, facts.macs_width) == SIZE
    assert _conv_macs(net) <= facts.macs <= 1.1 * _conv_macs(net)  # the fixed convolutions come on top
    assert facts.weights_size_bytes == chain[0].weights.stat().st_size


def test_the_same_chain_gives_the_same_bytes(
    exported: tuple[BuildList, Path], chain: tuple[Student, Quantized], tmp_path: Path
) -> None:
    _export(chain, ExportSpec(size=SIZE), tmp_path / "again")
    for path in exported[1].iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_toolchains_that_are_not_set_up_are_told_not_faked(
    chain: tuple[Student, Quantized], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPRESS_TOOLCHAINS", str(tmp_path / "none"))
    spec = ExportSpec(size=(30, 48), builds=("onnx", "tensorrt"), dynamic=False)
    listed, told = _export(chain, spec, tmp_path / "out")
    (missing,) = listed.not_built
    assert missing.runtime == "tensorrt" and missing.reason.endswith("run: compress setup tensorrt")
    assert {build.runtime for build in listed.builds} == {"onnx"}
    assert {(build.height, build.width) for build in listed.builds} == {(32, 48)}
    assert [line for line in told.lines if line.startswith("export.size 30x48: built for 32x48")]


def test_a_toolchain_that_becomes_ready_changes_what_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, plain = ExportSpec(builds=("onnx", "tensorrt")), ExportSpec(builds=("onnx",))
    before = plain.identity()
    with_ready = spec.identity()
    monkeypatch.setenv("COMPRESS_TOOLCHAINS", str(tmp_path / "none"))
    assert plain.identity() == before
    if why_not_built("tensorrt") is None:
        assert with_ready["toolchains"]["onnx"] == ""
    assert "compress setup tensorrt" in spec.identity()["toolchains"]["tensorrt"]


def test_sdks_of_their_own_get_what_ships_and_its_float_self(chain: tuple[Student, Quantized], tmp_path: Path) -> None:
    """With the real converters, for a device that lacks what a student is made of."""
    absent = [name for name in ("tflite", "rknn") if why_not_built(name)]
    if absent:
        pytest.skip(f"{why_not_built(absent[0])}")
    device = load_target(Path(__file__).parents[2] / "targets" / "rk3588.yaml").export
    float_ends = TfliteKind(ends="float32", half_weights=True)
    change = {"size": SIZE, "builds": ("onnx", "tflite", "rknn"), "calibration_frames": 2, "tflite": float_ends}
    spec = device.model_copy(update=change)
    listed, told = _export(chain, spec, tmp_path / "out")
    made = {(build.variant, build.runtime) for build in listed.builds}
    assert made == {
        *((variant, "onnx") for variant in ("student", "int8", "ptq")),
        *((variant, name) for variant in ("student", "int8") for name in ("tflite", "rknn")),
    }  # fmt: skip
    for build in listed.builds:
        check_build(build, tmp_path / "out")
        written = [note for note in build.inspection.notes if note.startswith("ReduceMax")]
        assert bool(written) == (build.runtime != "onnx")
        if build.runtime == "tflite":
            assert (build.contract.input.dtype, build.contract.input.layout) == ("float32", "NHWC")
            assert "NHWC" in build.contract.preprocessing and "half to even" in build.contract.postprocessing
            assert build.inspection.precision.endswith("f32 with float16 weights")
    assert any("ReduceMax" in line for line in told.lines)


def test_a_device_without_float_layers_gets_what_ships_alone(chain: tuple[Student, Quantized], tmp_path: Path) -> None:
    out, spec = tmp_path / "out", ExportSpec(size=SIZE, dynamic=False)
    listed, _ = _export(chain, spec, out, on_device=False)
    made = {(build.variant, build.runtime) for build in listed.builds}
    assert made == {*((each, "onnx") for each in ("student", "int8", "ptq")), ("int8", "openvino"), ("ptq", "openvino")}
    (absent,) = listed.not_built
    assert (absent.variant, absent.runtime) == ("student", "openvino") and "no float layers" in absent.reason


def test_the_chip_without_float_layers_is_built_for(chain: tuple[Student, Quantized], tmp_path: Path) -> None:
    """rv1106: its toolkit refuses the float network, which must not keep the INT8 build from being made."""
    if why_not_built("rknn"):
        pytest.skip(f"{why_not_built('rknn')}")
    target = load_target(Path(__file__).parents[2] / "targets" / "rv1106.yaml")
    spec = target.export.model_copy(update={"size": SIZE, "calibration_frames": 2})
    listed, _ = _export(chain, spec, tmp_path / "out", on_device=target.float_layers, runtime=target.device.runtime)
    (build,) = [build for build in listed.builds if build.runtime == "rknn"]
    assert build.variant == "int8" and build.inspection.int8_layers > 0
    assert [(absent.variant, absent.runtime) for absent in listed.not_built] == [("student", "rknn")]


def test_float_islands_that_were_trained_in_int8_are_told(exported: tuple[BuildList, Path]) -> None:
    """ONNX Runtime runs an int8 convolution only where its answer is quantized again, which the last one's is not."""
    found = {build.name: build.inspection for build in exported[0].builds}
    onnx, openvino = found["int8-onnx-32x48"], found["int8-openvino-32x48"]
    assert set(onnx.float_though_trained) == {"/net/unshuffle/Conv", "/net/repair/leave/Conv"}
    assert openvino.float_though_trained == () and len(openvino.float_islands) == openvino.float_layers > 0


@pytest.mark.skipif(why_not_built("tflite") is not None, reason=f"{why_not_built('tflite')}")
def test_an_integer_tflite_file_is_built_checked_and_run(chain: tuple[Student, Quantized], tmp_path: Path) -> None:
    kind = TfliteKind(arithmetic="integer")
    spec = ExportSpec(size=SIZE, builds=("tflite",), dynamic=False, calibration_frames=2, tflite=kind)
    listed, told = _export(chain, spec, tmp_path / "out")
    whole, floating = (next(each for each in listed.builds if each.variant == name) for name in ("int8", "student"))
    for build in (whole, floating):
        check_build(build, tmp_path / "out")
        assert build.contract.input.dtype == build.contract.output.dtype == "int8"
        runner = PictureRunner(build, tmp_path / "out", RunOptions(1))
        assert runner(np.full((*SIZE, 3), 20, np.uint8)).shape == (*SIZE, 3)
    assert (whole.inspection.precision, whole.inspection.float_layers) == ("int8", 0)
    assert (floating.inspection.precision, floating.inspection.int8_layers) == ("", 0)
    assert whole.inspection.scale_differences == () and whole.inspection.scales_compared > 0
    assert any("ranges from calibration frames" in line for line in told.lines)
    with pytest.raises(BuildError, match="has one size, 32x48; build another for 40x64"):
        PictureRunner(whole, tmp_path / "out", RunOptions(1))(np.zeros((40, 64, 3), np.uint8))


@pytest.mark.skipif(why_not_built("tensorrt") is not None, reason="toolchain tensorrt is not ready")
@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client here")
def test_a_board_that_is_named_makes_the_engine_and_the_build_holds_it(
    chain: tuple[Student, Quantized], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board is an ssh server on loopback; its trtexec is a script, for TensorRT is at hand nowhere."""
    nets = chain[0], tiny_nets.make_quantized(tmp_path / "symmetric", Scheme(activations="symmetric"))
    spec = ExportSpec(size=SIZE, builds=("onnx", "tensorrt"), dynamic=False)
    with loopback("asyncssh", tmp_path) as board:
        monkeypatch.setenv("COMPRESS_SSH_CONFIG", str(board.config))
        board.tool("trtexec", 'for word; do case "$word" in --saveEngine=*) echo made > "${word#*=}" ;; esac; done')
        listed, told = _export(nets, spec, tmp_path / "out", host=HOST)
    builds = [build for build in listed.builds if build.runtime == "tensorrt"]
    assert [build.variant for build in builds] == ["student", "int8"]
    for build in builds:
        assert (tmp_path / "out" / f"{build.name}.engine").read_text() == "made\n"
        assert {f"{build.name}.engine", f"{build.name}.board.json"} < set(build.files)
        assert build.size_bytes == sum((tmp_path / "out" / name).stat().st_size for name in build.files)
    assert [line for line in told.lines if line.startswith("int8-tensorrt-32x48: engine of 0 KiB made on Linux ")]


def test_a_board_is_part_of_the_key_only_where_builds_are_made_on_it() -> None:
    def identity(*words: str) -> object:
        (plan,) = load_plans(("recipe=kd_int8", *words))
        return plan.sections[Board].identity()

    assert identity("target=jetson", "target.device.host=orin") == {"host": "orin"}
    assert identity("target=jetson") == {"host": None}
    fitting = ("target=rk3588", "target.export.size=[256,384]")
    assert identity(*fitting, "target.device.host=rock") == {"host": None}


def test_a_network_whose_outputs_are_not_the_tasks_is_refused(tmp_path: Path) -> None:
    student = tiny_nets.make_student(tmp_path / "student")
    boxes = TaskData(**dict(tiny_nets.DATA), task=TaskSpec(kind="detect", classes=("a",)))
    with pytest.raises(BuildError, match="the student network answers with bright, its task asks for maps"):
        _shape({"student": student}, ExportSpec(size=(32, 48)), boxes, tiny_nets.Told())
    assert _shape({"student": student}, ExportSpec(size=(32, 48)), tiny_nets.DATA, tiny_nets.Told()).has_picture


def test_the_contract_of_both_outputs() -> None:
    shape = _Shape(64, 96, 32, 1, BoxMaps(classes=("a", "b")), has_picture=True)
    file = _File(_Network("int8", nn.Identity), shape)
    both, alone = (_contract(replace(file, shape=each), "onnx", PLAIN, objects=False)
                   for each in (shape, replace(shape, has_picture=False)))  # fmt: skip
    assert [end.name for end in both.outputs] == ["bright", "maps"] and [end.name for end in alone.outputs] == ["maps"]
    free = _contract(replace(file, free=True), "onnx", PLAIN, objects=False)
    assert [end.shape for end in free.outputs] == [(1, 3, 0, 0), (1, 21, 0, 0)]
