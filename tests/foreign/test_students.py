"""Networks in the style of public ones as students: taken in, quantized without training, built, trained."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import public_styles
import pytest
import tiny_nets
import torch
from foreign_nets import PICTURE, Single, write_onnx, write_pt2
from torch import nn

from compress.artefacts import Pruned, Quantized, Student
from compress.data.source import open_data
from compress.errors import NetworkError, WeightsError
from compress.foreign.adapted import Adapted
from compress.models.enhance import enhance
from compress.models.quantized import load_fake_quant, read_table
from compress.models.weights import load_net
from compress.records import BuildList
from compress.runtimes.base import RunOptions
from compress.runtimes.picture import PictureRunner
from compress.schema import (
    AdapterSpec,
    Channels,
    DistillSpec,
    ExportSpec,
    Phase,
    PictureSize,
    PruneSpec,
    QuantizeSpec,
    Scheme,
    Seed,
    SourceSpec,
    StudentSpec,
    Train,
)
from compress.schema.training import OptionalTrain
from compress.sensitivity.layers import quantized_layers, widened
from compress.stages import load_stage

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)
UNTRAINED = QuantizeSpec(calibration_images=2, train=OptionalTrain(phases=()))
ADAPTERS = {
    "CurveEstimator": PICTURE.model_copy(update={"output": 0}),
    "Transformer": PICTURE.model_copy(update={"size_multiple": 8, "padding": "replicate"}),
    "Decomposition": AdapterSpec(colours="BGR", range="0..255", answers="picture", answers_range="0..1",
                                 size_multiple=1, output=0),  # fmt: skip
    "SmallUNet": PICTURE.model_copy(update={"size_multiple": 2, "padding": "reflect"}),
    "Gated": PICTURE,
    "ByBrightness": PICTURE,
}  # fmt: skip


def author(name: str) -> nn.Module:
    """As its author has it, its norms' statistics of two batches."""
    torch.manual_seed(4)
    net: nn.Module = getattr(public_styles, name)().train()
    with torch.no_grad():
        for _ in range(2):
            net(torch.rand(2, 3, 32, 32))
    return net.eval()


def taken(name: str, folder: Path, spec: SourceSpec | None = None) -> Student:
    torch.save(author(name).state_dict(), folder / "weights.pth")
    source = SourceSpec(network=f"{public_styles.__file__}:{name}", weights=str(folder / "weights.pth"))
    adapter = ADAPTERS[name] if spec is None else ADAPTERS[name].model_copy(update={"output": None})
    (folder / "student").mkdir()
    student = StudentSpec(source=spec or source, adapter=adapter)
    load_stage("student").function(student, folder / "student", tiny_nets.Told())
    (folder / "weights.pth").unlink()
    return Student(folder / "student", "key", "digest")


def quantized(net: Student | Pruned, folder: Path, spec: QuantizeSpec = UNTRAINED) -> Quantized:
    for name in ("quantized", "calibrated"):
        (folder / name).mkdir()
    load_stage("quantize").function(
        net, None, spec, DistillSpec(), Scheme(), tiny_nets.DATA, Seed(seed=0), folder / "quantized",
        folder / "calibrated", tiny_nets.Told(),
    )  # fmt: skip
    return Quantized(folder / "quantized", "key", "digest")


def built(student: Student, net: Quantized, folder: Path, export: ExportSpec) -> BuildList:
    known = {
        "student": student, "quantized": net, "export": export, "floats": tiny_nets.FLOATS,
        "board": tiny_nets.NO_BOARD, "data": tiny_nets.DATA, "out": folder / "builds", "progress": tiny_nets.Told(),
    }  # fmt: skip
    (folder / "builds").mkdir()
    stage = load_stage("export")
    stage.function(**{name: known.get(name) for name in stage.parameters})
    return BuildList.read(folder / "builds" / "builds.json")


@pytest.mark.parametrize("name", ["CurveEstimator", "Transformer", "Decomposition", "SmallUNet"])
def test_builds_answer_like_the_network_and_its_fake_quant_self(name: str, tmp_path: Path) -> None:
    student = taken(name, tmp_path)
    net = quantized(student, tmp_path)
    listed = built(student, net, tmp_path, ExportSpec(size=SIZE, dynamic=name == "Transformer"))
    assert not listed.trained and {build.variant for build in listed.builds} == {"student", "int8"}
    dark = open_data(tiny_nets.DATA, "test").pair(0)[0]
    truth = {"student": load_net(student.weights), "int8": load_fake_quant(net.folder, "qat")}
    with torch.no_grad():
        x = torch.rand(1, 3, *SIZE)
        answer = author(name)(x.flip(1) * 255 if name == "Decomposition" else x)
        answer = answer[0] if isinstance(answer, tuple) else answer
        answer = answer.flip(1) if name == "Decomposition" else answer
        torch.testing.assert_close(truth["student"](x), answer.clamp(0, 1), atol=1e-5, rtol=0)
    for build in listed.builds:
        assert not build.inspection.scale_differences, build.name
        away = np.abs(PictureRunner(build, tmp_path / "builds", RunOptions(1, "f32"))(dark).astype(int)
                      - enhance(truth[build.variant], dark))  # fmt: skip
        assert away.max() <= 1 if build.variant == "student" else away.mean() <= 0.3, build.name
    assert listed.builds[-1].inspection.int8_layers or name != "Transformer"


@pytest.mark.filterwarnings("ignore::FutureWarning")  # torch 2.13 on its own GraphModule, when it is copied
@pytest.mark.parametrize("kind", ["onnx", "pt2"])
def test_files_are_quantized_as_modules_are(kind: str, tmp_path: Path) -> None:
    net = Single(author("CurveEstimator"), 0)
    write = partial(write_onnx, net, tmp_path / "net.onnx") if kind == "onnx" else partial(
        write_pt2, net, tmp_path / "net.pt2"
    )  # fmt: skip
    student = taken("CurveEstimator", tmp_path, write())
    found = quantized(student, tmp_path)
    weights = [row for row in read_table(load_fake_quant(found.folder, "qat"), Scheme(), ()).tensors
               if row.kind == "weight"]  # fmt: skip
    assert len(weights) >= 3
    x = torch.rand(1, 3, *SIZE) * 0.3
    with torch.no_grad():
        assert float((load_fake_quant(found.folder, "qat")(x) - net(x).clamp(0, 1)).abs().mean()) < 0.03


def test_a_file_of_one_size_is_quantized_on_pictures_of_that_size(tmp_path: Path) -> None:
    net = write_onnx(Single(author("CurveEstimator"), 0), tmp_path / "net.onnx", SIZE, free=False)
    student = taken("CurveEstimator", tmp_path, net)
    listed = built(student, quantized(student, tmp_path), tmp_path, ExportSpec(size=SIZE, dynamic=False))
    assert {(build.variant, build.height) for build in listed.builds} == {("student", 32), ("int8", 32)}
    with pytest.raises(WeightsError, match=r"takes 32x48, not 32x64; give pictures of that size \(data.size"):
        enhance(load_net(student.weights), np.zeros((32, 64, 3), np.uint8))


def test_a_path_that_the_picture_decides_is_refused_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"its path depends on the picture \(public_styles.py:\d+ .* distil it"):
        taken("ByBrightness", tmp_path)


def test_norms_are_part_of_the_convolutions_before_them(tmp_path: Path) -> None:
    net = load_net(taken("SmallUNet", tmp_path).weights)
    assert not [each for each in net.modules() if isinstance(each, nn.BatchNorm2d)]
    assert net.get_submodule("inner.enter.0").bias is not None
    assert "public_styles" not in str(sorted(tmp_path.joinpath("student").iterdir())).replace("code", "")


def test_the_lamp_in_a_dark_picture_is_not_cut_off(tmp_path: Path) -> None:
    """Calibration pictures reach no 1.0, the codes of the network's input do."""
    found = quantized(taken("Decomposition", tmp_path), tmp_path)
    table = read_table(load_fake_quant(found.folder, "qat"), Scheme(), ())
    ranges = {row.tensor: (row.low[0], row.high[0]) for row in table.tensors if row.kind == "activation"}
    assert [name for name, ends in ranges.items() if ends == pytest.approx((0, 255))], ranges
    assert not [row.tensor for row in table.tensors if "illumination" in row.tensor]  # the answer does not need it


def test_a_layer_called_eight_times_is_one_layer(tmp_path: Path) -> None:
    net = load_fake_quant(quantized(taken("CurveEstimator", tmp_path), tmp_path).folder, "qat")
    layers = {layer.name: layer for layer in quantized_layers(net)}
    assert len(layers["inner.body"].weights) == 1 and len(layers["inner.body"].activations) == 8
    assert {"inner.enter", "inner.leave"} < set(layers)
    floating = load_net(tmp_path / "student" / "foreign.json")
    x = torch.rand(1, 3, *SIZE)
    with torch.no_grad(), widened(net, tuple(layers.values()), dict.fromkeys(layers, "float")):
        torch.testing.assert_close(net(x), floating(x), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["SmallUNet", "Gated"])
def test_pruned_and_trained_in_place(name: str, tmp_path: Path) -> None:
    """A cut, a step of fine-tuning, a step of training under fake-quant; each is opened again from its own folder."""
    student = taken(name, tmp_path)
    step = (Phase(epochs=0.01, batch=2),)
    for folder in ("pruned", "scratch"):
        (tmp_path / folder).mkdir()
    told = tiny_nets.Told()
    load_stage("prune").function(
        student, None, PruneSpec(keep_macs=0.9, keep=(), importance="magnitude", train=Train(phases=step)),
        DistillSpec(mask_worse=False), Channels(multiple=4), PictureSize(size=SIZE), tiny_nets.DATA, Seed(seed=0),
        tmp_path / "pruned", tmp_path / "scratch", told,
    )  # fmt: skip
    pruned = Pruned(tmp_path / "pruned", "key", "digest")
    net, before = load_net(pruned.weights), load_net(student.weights)
    assert isinstance(net, Adapted) and pruned.curve.is_file()
    assert sum(p.numel() for p in net.parameters()) < sum(p.numel() for p in before.parameters())
    assert any("inner." in line for line in told.lines)
    spec = UNTRAINED.model_copy(update={"train": OptionalTrain(phases=step, precision="fp32")})
    found = quantized(pruned, tmp_path, spec)
    assert found.trained and (found.folder / "curve.json").is_file()
    x = torch.rand(1, 3, *SIZE) * 0.3
    with torch.no_grad():
        one, other = load_fake_quant(found.folder, "qat")(x), load_fake_quant(found.folder, "ptq")(x)
    assert 0 < float((one - other).abs().max()) < 0.1
    torch.testing.assert_close(load_net(found.weights)(x), net(x))
