"""A network with two heads through every runtime: both answers by name, of one run, in builds that keep a contract."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
import two_heads
from numpy.typing import NDArray
from torch import nn

from compress.bundle.contract import check_build
from compress.detection.in_graph import with_objects
from compress.errors import BuildError
from compress.models.both import asked_both
from compress.models.detect import asked, maps_of
from compress.models.enhance import enhance
from compress.models.outputs import PICTURE_AND_MAPS, named, outputs_of
from compress.models.quantized import strip
from compress.records import BoxMaps, Build, Inspection, QuantizationTable, RuntimeName
from compress.runtimes import RUNTIMES, open_runtime
from compress.runtimes.base import BuildOptions, RunOptions
from compress.runtimes.both import BothRunner, both_contract
from compress.runtimes.interchange import MAPS, OUTPUT, OnnxRequest, export_onnx
from compress.runtimes.maps import BoxRunner
from compress.runtimes.picture import PictureRunner
from compress.runtimes.rknn import Rknn
from compress.schema import Scheme
from compress.tflite_kind import TfliteKind
from compress.toolchains.environment import mending_command, state

SIZE = (64, 96)
ONE = RunOptions(threads=1)
LAYOUT = BoxMaps(classes=two_heads.CLASSES)
SNR_DB = {"float": {OUTPUT: 45.0, MAPS: 60.0}, "int8": {OUTPUT: 45.0, MAPS: 45.0}}
"""Least signal over difference to torch. Pictures of codes have 52 dB; one rounding edge moves int8 maps to 58."""


@dataclass(frozen=True)
class Kind:
    """A torch network, its interchange file, and the table of its scales where it has int8 layers."""

    net: nn.Module
    source: Path
    table: QuantizationTable | None

    def truth(self, x: torch.Tensor) -> dict[str, NDArray[np.float32]]:
        with torch.no_grad():
            return {name: value.numpy() for name, value in named(self.net, self.net(x)).items()}


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Kind]:
    """The float network, and with int8 layers by the scheme."""
    folder, made = tmp_path_factory.mktemp("sources"), {}
    for name in ("float", "affine", "symmetric"):
        net, table = (two_heads.net(), None) if name == "float" else two_heads.fake_quant(_scheme(name), SIZE)
        plain = net if table is None else strip(net, *SIZE)
        export_onnx(plain, OnnxRequest(SIZE, False, 18, {}), folder / f"{name}.onnx")
        made[name] = Kind(net, folder / f"{name}.onnx", table)
    return made


def _scheme(name: str) -> Scheme:
    return Scheme(activations="symmetric" if name == "symmetric" else "affine")


def _kind(kinds: dict[str, Kind], runtime: str, variant: str) -> Kind:
    return kinds["float" if variant == "float" else "symmetric" if runtime == "tensorrt" else "affine"]


Made = Callable[[RuntimeName, str], tuple[Build, Path]]


@pytest.fixture(scope="module")
def builds(kinds: dict[str, Kind], tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Runtime and variant to a build with its folder, each made once; the converters of SDKs take seconds."""

    @cache
    def made(name: RuntimeName, variant: str) -> tuple[Build, Path]:
        runtime, folder = open_runtime(name), tmp_path_factory.mktemp(f"{name}-{variant}")
        if runtime.toolchain is not None and state(runtime.toolchain).kind != "ready":
            pytest.skip(f"toolchain {runtime.toolchain} is not ready: {mending_command(runtime.toolchain)}")
        options = BuildOptions(platform="rk3588" if name == "rknn" else None)
        files = runtime.build(_kind(kinds, name, variant).source, "net", folder, options)
        return _listed(name, variant, folder, files, runtime.inspect(folder, files, None)), folder

    return made


def _listed(name: RuntimeName, variant: str, folder: Path, files: tuple[str, ...], found: Inspection) -> Build:
    return Build(
        name=f"{variant}-{name}-64x96", variant="int8" if variant == "int8" else "student", runtime=name, files=files,
        size_bytes=sum((folder / each).stat().st_size for each in files), height=SIZE[0], width=SIZE[1],
        ships=variant == "int8", contract=both_contract(name, *SIZE, 32, LAYOUT), inspection=found,
    )  # fmt: skip


def _dark(seed: int = 9) -> torch.Tensor:
    return two_heads.frames(1, SIZE, seed)[0]


def _snr_db(answer: NDArray[np.float32], truth: NDArray[np.float32]) -> float:
    return float(10 * np.log10(np.mean(truth**2) / max(float(np.mean((answer - truth) ** 2)), 1e-20)))


@pytest.mark.parametrize("variant", ["float", "int8"])
@pytest.mark.parametrize("name", RUNTIMES)
class TestRuntime:
    def test_both_outputs_are_the_network_s(
        self, name: RuntimeName, variant: str, builds: Made, kinds: dict[str, Kind]
    ) -> None:
        build, folder = builds(name, variant)
        runtime = open_runtime(name)
        if runtime.why_not_here() is not None:
            pytest.skip(str(runtime.why_not_here()))
        session, x = runtime.load(folder, build.files, ONE), _dark()
        truth, answers = _kind(kinds, name, variant).truth(x), session.run(x.numpy())
        assert tuple(answers) == PICTURE_AND_MAPS
        for output, least in SNR_DB[variant].items():
            assert answers[output].shape == truth[output].shape
            assert _snr_db(answers[output], truth[output]) > least, output
        np.testing.assert_array_equal(session.infer(x.numpy()), answers[OUTPUT])
        kept = answers[MAPS].copy()
        session.run(np.zeros_like(x.numpy()))
        np.testing.assert_array_equal(answers[MAPS], kept)
        assert session.prepare(x.numpy())() is None  # type: ignore[func-returns-value]

    def test_the_files_keep_the_contract_and_lies_are_named(
        self, name: RuntimeName, variant: str, builds: Made
    ) -> None:
        build, folder = builds(name, variant)
        check_build(build, folder)
        told = build.contract
        assert told.maps_output is not None and told.output.name == OUTPUT and told.maps_output.name == MAPS
        lies = {
            "outputs are named": told.maps_output.model_copy(update={"name": "boxes"}),
            "output maps has shape": told.maps_output.model_copy(update={"shape": (1, 20, 8, 12)}),
            "output maps is float32": told.maps_output.model_copy(update={"dtype": "int8"}),
            "2 outputs, the contract has one": None,
        }
        for said, wrong in lies.items():
            lie = told.model_copy(update={"maps_output": wrong, **({} if wrong else {"maps": None})})
            with pytest.raises(BuildError, match=said):
                check_build(build.model_copy(update={"contract": lie}), folder)

    def test_every_scale_is_found_in_the_file(
        self, name: RuntimeName, variant: str, builds: Made, kinds: dict[str, Kind]
    ) -> None:
        table = _kind(kinds, name, variant).table
        if table is None:
            return
        build, folder = builds(name, variant)
        found = open_runtime(name).inspect(folder, build.files, table)
        differences = [line for line in found.scale_differences if "128/127" not in line]
        if name == "rknn":  # its compiler sums what a ReLU gave before anything is rounded: no tensor has that scale
            gone = [line for line in differences if line.endswith("output: no quantizer in the build")]
            assert differences == gone and all("/relu/" in line for line in gone) and len(gone) == 12
            assert found.scales_compared == len(table.tensors) - len(gone)
        else:
            assert (found.scales_compared, differences) == (len(table.tensors), [])
        wrong = [row.model_copy(update={"scale": tuple(s * 1.01 for s in row.scale)})
                 if row.tensor.startswith("head/leave") or "smooth_fine/point/conv2d/0 weight" in row.tensor else row
                 for row in table.tensors]  # fmt: skip
        changed = table.model_copy(update={"tensors": tuple(wrong)})
        assert wrong != list(table.tensors)
        if name != "rknn":  # it has shares of the largest scale, so a factor for all of a layer is not seen
            assert open_runtime(name).inspect(folder, build.files, changed).scale_differences


def test_runners_give_the_picture_the_boxes_and_both(builds: Made, kinds: dict[str, Kind]) -> None:
    build, folder = builds("onnx", "float")
    picture = np.random.default_rng(2).integers(0, 70, (50, 90, 3)).astype(np.uint8)
    net = kinds["float"].net
    both = BothRunner(build, folder, ONE)(picture)
    asked_net = asked_both(net)(picture)
    assert both.picture.shape == picture.shape
    assert np.abs(both.picture.astype(int) - asked_net.picture).max() <= 1
    np.testing.assert_array_equal(PictureRunner(build, folder, ONE)(picture), both.picture)
    np.testing.assert_array_equal(enhance(net, picture), asked_net.picture)
    boxes = BoxRunner(build, folder, ONE)(picture)
    assert len(boxes) > 0
    for others in (both.boxes, asked_net.boxes, asked(net)(picture)):
        np.testing.assert_allclose(boxes.corners, others.corners, atol=1e-2)
        np.testing.assert_array_equal(boxes.labels, others.labels)


@pytest.mark.parametrize("variant", ["float", "int8"])
@pytest.mark.parametrize("name", [name for name in RUNTIMES if open_runtime(name).reads_boxes])
def test_boxes_from_inside_of_a_build_are_those_of_its_maps(
    name: RuntimeName, variant: str, kinds: dict[str, Kind], tmp_path: Path
) -> None:
    source = with_objects(onnx.load(str(_kind(kinds, name, variant).source)), MAPS, LAYOUT, SIZE)
    onnx.save(source, str(tmp_path / "source.onnx"))
    runtime = open_runtime(name)
    files = runtime.build(tmp_path / "source.onnx", "net", tmp_path, BuildOptions())
    outside = _listed(name, variant, tmp_path, files, runtime.inspect(tmp_path, files, None))
    build = outside.model_copy(update={"contract": both_contract(name, *SIZE, 32, LAYOUT, objects=True)})
    check_build(build, tmp_path)
    with pytest.raises(BuildError, match="3 outputs, the contract has 2"):
        check_build(outside, tmp_path)
    picture = (_dark()[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    mine, theirs = (BothRunner(each, tmp_path, ONE)(picture).boxes for each in (build, outside))
    assert len(mine) == len(theirs) > 0 and mine.labels.tolist() == theirs.labels.tolist()
    np.testing.assert_allclose(mine.scores, theirs.scores, atol=1e-5)
    np.testing.assert_allclose(mine.corners, theirs.corners, atol=1e-3)
    with pytest.raises(BuildError, match="reads boxes from its maps, for one picture of"):
        runtime.load(tmp_path, files, ONE, (96, 64))


def test_one_output_is_no_pair(builds: Made) -> None:
    build, folder = builds("onnx", "float")
    alone = build.contract.model_copy(update={"maps_output": None, "maps": None})
    with pytest.raises(BuildError, match="has one output"):
        BothRunner(build.model_copy(update={"contract": alone}), folder, ONE)


def test_a_contract_says_the_second_output_only_where_there_is_one() -> None:
    told = both_contract("tflite", *SIZE, 32, LAYOUT)
    assert [each.name for each in told.outputs] == ["bright", "maps"]
    assert told.picture_end == told.output and told.maps_end == told.maps_output
    assert told.maps_output is not None and told.maps_output.shape == (1, 8, 12, 21)
    assert told.output.dtype == "int8" and told.maps_output.dtype == "float32"
    assert told.postprocessing.startswith("bright: ") and "; maps: float32 maps" in told.postprocessing
    alone = told.model_copy(update={"maps": None, "maps_output": None})
    assert not {"maps", "maps_output"} & alone.model_dump(mode="json").keys()
    assert "maps_output" in told.model_dump(mode="json")


@pytest.mark.parametrize(("name", "batch"), [("onnx", 1), ("onnx", 3), ("openvino", 1), ("openvino", 2)])
def test_other_sizes_and_batches_keep_both(name: RuntimeName, batch: int, builds: Made, kinds: dict[str, Kind]) -> None:
    build, folder = builds(name, "float")
    x = torch.cat(two_heads.frames(batch, (96, 64), 4))
    truth = kinds["float"].truth(x)
    answers = open_runtime(name).load_batch(folder, build.files, ONE, (96, 64), batch).run(x.numpy())
    for output, least in SNR_DB["float"].items():
        assert _snr_db(answers[output], truth[output]) > least


def test_a_free_file_names_the_sides_of_each_output(tmp_path: Path, kinds: dict[str, Kind]) -> None:
    export_onnx(two_heads.net(), OnnxRequest(SIZE, True, 18, {}, (96, 128)), tmp_path / "free.onnx")
    ends = onnx.load(str(tmp_path / "free.onnx")).graph.output
    sides = [[dim.dim_param or dim.dim_value for dim in end.type.tensor_type.shape.dim] for end in ends]
    assert sides == [[1, 3, "height", "width"], [1, 21, "maps_height", "maps_width"]]
    x = two_heads.frames(1, (96, 96), 4)[0]
    answers = open_runtime("onnx").load(tmp_path, ("free.onnx",), ONE).run(x.numpy())
    assert _snr_db(answers[MAPS], kinds["float"].truth(x)[MAPS]) > SNR_DB["float"][MAPS]


def test_a_network_that_gives_other_than_it_says_is_refused(tmp_path: Path) -> None:
    net = two_heads.net()
    net.outputs = (OUTPUT,)  # type: ignore[assignment]
    with pytest.raises(BuildError, match="outputs are not as it says"):
        export_onnx(net, OnnxRequest(SIZE, False, 18, {}), tmp_path / "net.onnx")
    assert outputs_of(two_heads.net()) == PICTURE_AND_MAPS
    assert maps_of(two_heads.net(), two_heads.CLASSES) == LAYOUT


def test_float_ends_of_tflite(kinds: dict[str, Kind], tmp_path: Path) -> None:
    runtime = open_runtime("tflite")
    if state("tflite").kind != "ready":
        pytest.skip(mending_command("tflite"))
    options = BuildOptions(tflite=TfliteKind(ends="float32"))
    files = runtime.build(kinds["affine"].source, "net", tmp_path, options)
    inputs, outputs = runtime.ports(tmp_path, files)
    assert [(port.dtype, port.shape) for port in (*inputs, *outputs)] == [
        ("float32", (1, 64, 96, 3)), ("float32", (1, 64, 96, 3)), ("float32", (1, 8, 12, 21))
    ]  # fmt: skip
    answers, truth = runtime.load(tmp_path, files, ONE).run(_dark().numpy()), kinds["affine"].truth(_dark())
    assert all(_snr_db(answers[name], truth[name]) > 45 for name in truth)


def test_rknn_weighs_both_outputs_where_it_chooses_scales(kinds: dict[str, Kind], tmp_path: Path) -> None:
    if state("rknn").kind != "ready":
        pytest.skip(mending_command("rknn"))
    frames = tmp_path / "frames.npy"
    np.save(frames, torch.cat(two_heads.frames(2, SIZE, 3)).numpy())
    runtime = Rknn()
    files = runtime.build(kinds["affine"].source, "net", tmp_path, BuildOptions(platform="rk3588", calibration=frames))
    notes = runtime.inspect(tmp_path, files, None).notes
    assert notes[0] == "made for rk3588, scales: trained"
    assert sum("simulated against ONNX Runtime" in note for note in notes) == 3
