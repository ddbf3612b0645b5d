"""Sensitivity: a layer made hard to quantize on purpose is found, promoted, and ships in float."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
import tiny_nets
import torch
from torch import nn

from compress.artefacts import Quantized
from compress.bundle.golden import write_png
from compress.config.load import load_plans
from compress.errors import DataError
from compress.models.enhance import enhance, to_tensor
from compress.models.quantized import insert_fake_quant, load_fake_quant, read_table, save_fake_quant, strip
from compress.models.weights import save_net
from compress.records import QuantizationTable, SensitivityReport
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.schema import DataSpec, LayerTiming, Promotion, Scheme, SensitivitySpec
from compress.sensitivity.layers import only, quantized_layers
from compress.sensitivity.promote import Candidate, cheapest
from compress.stages import load_stage
from compress.wiring import wire

SIZE = (32, 48)
HARD = "repair.wide"
LOCAL = LayerTiming(runtime="openvino", local=True, threads=1, float_precision="f32")
LIMITS = Promotion(float_layers=True, max_int8_drop_db=0.5, max_worst_drop_db=None, size=SIZE)
INT8_LAYERS = ("unshuffle", "repair.enter", "repair.near", "repair.wide", "repair.far", "repair.leave")


def _hard_net() -> nn.Module:
    """The student, doing the same in float, but with one channel between two layers 1000 times larger.

    ReLU lets a factor through, so the next layer divides it out again: its eight bits must hold both.
    """
    net = tiny_nets.student_net()
    with torch.no_grad():
        net.repair.leave.weight.mul_(4.0)  # so that what repair adds is worth decibels
        net.repair.near.weight[0].mul_(1000.0)
        net.repair.near.bias[0] = 1000.0  # never dead
        net.repair.wide.weight[:, 0].div_(1000.0)
    return net


def _pictures() -> Iterator[np.ndarray]:
    rng = np.random.default_rng(5)
    for _ in range(10):
        coarse = rng.integers(0, 77, (8, 12, 3)).astype(np.uint8)
        yield np.kron(coarse, np.ones((4, 4, 1), np.uint8))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSpec:
    """Pairs whose well-lit picture is what the float network makes of the dark one, but for noise of one code."""
    root, net, rng = tmp_path_factory.mktemp("pairs"), _hard_net(), np.random.default_rng(6)
    for split, numbers in (("train", range(8)), ("test", range(8, 10))):
        for number, dark in enumerate(_pictures()):
            if number not in numbers:
                continue
            noise = rng.integers(-1, 2, dark.shape)
            bright = np.clip(enhance(net, dark).astype(np.int16) + noise, 0, 255).astype(np.uint8)
            for kind, picture in (("low", dark), ("high", bright)):
                folder = root / split / kind
                folder.mkdir(parents=True, exist_ok=True)
                write_png(folder / f"{number}.png", picture)
    return DataSpec(licence="made here", kind="paired", root=str(root), val_fraction=0.45)


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    folder = tmp_path_factory.mktemp("quantized")
    net = insert_fake_quant(_hard_net(), [to_tensor(each) for each in _pictures()], Scheme(), tiny_nets.KEPT)
    save_net(_hard_net(), folder / "net.safetensors")
    for which in ("qat", "ptq"):
        save_fake_quant(net, folder, which)  # type: ignore[arg-type]
    read_table(net, Scheme(), tiny_nets.KEPT.keep_float).write(folder / "quantization.json")
    return Quantized(folder, "key", "digest")


def _run(
    quantized: Quantized, data: DataSpec, out: Path, promotion: Promotion = LIMITS, timing: LayerTiming = LOCAL,
    spec: SensitivitySpec = SensitivitySpec(max_images=3),  # noqa: B008
) -> tuple[SensitivityReport, tiny_nets.Told]:  # fmt: skip
    told = tiny_nets.Told()
    out.mkdir()
    load_stage("sensitivity").function(quantized, spec, promotion, Scheme(), data, timing, out, told)
    return SensitivityReport.read(out / "sensitivity.json"), told


@pytest.fixture(scope="module")
def done(
    quantized: Quantized, data: DataSpec, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SensitivityReport, Path, tiny_nets.Told]:
    out = tmp_path_factory.mktemp("done") / "out"
    report, told = _run(quantized, data, out)
    return report, out, told


def test_the_layers_are_those_with_quantized_weights(quantized: Quantized) -> None:
    layers = quantized_layers(load_fake_quant(quantized.folder, "qat"))
    assert tuple(layer.name for layer in layers) == INT8_LAYERS
    fed = {layer.name: [name.rsplit("hooks.", 1)[1] for name in layer.activations] for layer in layers}
    assert fed["unshuffle"] == ["x__0.0"] and fed["repair.enter"] == ["repair/enter/conv2d/0__0.0"]
    assert fed["repair.near"] == ["repair/relu/0__0.0"] and fed["repair.leave"] == ["repair/relu/3__0.0"]
    table = QuantizationTable.read(quantized.table)
    assert sum(len(layer.quantizers) for layer in layers) == len(table.tensors)


def test_no_layer_in_int8_is_the_float_network(quantized: Quantized) -> None:
    net, x = load_fake_quant(quantized.folder, "qat"), torch.rand(1, 3, *SIZE) * 0.3
    layers, before = quantized_layers(net), net(x)
    with torch.no_grad(), only(net, layers, ()):
        assert torch.equal(net(x), _hard_net()(x))
    assert torch.equal(net(x), before)


def test_the_hard_layer_is_found(done: tuple[SensitivityReport, Path, tiny_nets.Told]) -> None:
    report = done[0]
    assert {row.layer for row in report.rows} == set(INT8_LAYERS)
    first, second = report.rows[:2]
    assert first.layer == HARD and first.cost_alone_db > 10 and first.cost_alone_db > 40 * second.cost_alone_db
    assert first.gain_if_float_db == max(row.gain_if_float_db for row in report.rows)
    assert first.closeness_db == min(row.closeness_db for row in report.rows)
    (camera,) = [row for row in report.rows if row.layer == "unshuffle"]
    assert camera.cost_alone_db == 0.0  # the camera's codes pass unchanged
    assert report.split == "val" and len(report.images) == 3 and report.float_psnr_db > 45


def test_it_alone_is_promoted_and_the_budget_holds(
    done: tuple[SensitivityReport, Path, tiny_nets.Told]
) -> None:
    report, _, told = done
    assert report.drop_db > 10 and report.promoted == (HARD,)
    assert report.holds and report.drop_after_db <= 0.5
    assert [row.layer for row in report.rows if row.promoted] == [HARD]
    assert any("keep_float=[repair.wide]" in line for line in told.lines)


def test_costs_are_measured_by_openvino(done: tuple[SensitivityReport, Path, tiny_nets.Told]) -> None:
    report = done[0]
    assert {(row.cost.unit, row.cost.origin) for row in report.rows} == {("ms", "measured")}
    assert all(row.cost.int8 > 0 and row.cost.floating > 0 for row in report.rows)
    assert report.cost_unit == "ms" and report.cost_origin == "measured"


def test_what_ships_has_the_layer_in_float(
    done: tuple[SensitivityReport, Path, tiny_nets.Told], quantized: Quantized, tmp_path: Path
) -> None:
    out = done[1]
    table = QuantizationTable.read(out / "quantization.json")
    gone = {row.tensor for row in QuantizationTable.read(quantized.table).tensors} - {r.tensor for r in table.tensors}
    assert gone == {"repair/wide/conv2d/0 weight", "repair/relu/1 output"}
    assert table.kept_float == ("light", HARD)
    net = load_fake_quant(out, "qat")
    full = load_fake_quant(quantized.folder, "qat")
    layers, x = quantized_layers(full), torch.rand(1, 3, *SIZE) * 0.3
    with only(full, layers, [layer for layer in layers if layer.name != HARD]):
        assert torch.equal(net(x), full(x))
    export_onnx(strip(net, *SIZE), OnnxRequest(SIZE, False, 18, {}), tmp_path / "net.onnx")
    nodes = onnx.load(str(tmp_path / "net.onnx")).graph.node
    fed = {node.name: [name.rsplit("/", 1)[1] for name in node.input if name.startswith("/")] for node in nodes}
    assert fed["/net/repair/wide/Conv"] == ["Relu_1_output_0"]
    assert fed["/net/repair/far/Conv"] == ["DequantizeLinear_output_0"] * 2
    for name in ("net.safetensors", "ptq.safetensors", "ptq.json"):
        assert (out / name).read_bytes() == (quantized.folder / name).read_bytes()


def test_the_plot_shows_every_layer(done: tuple[SensitivityReport, Path, tiny_nets.Told]) -> None:
    texts = [each.text for each in ElementTree.parse(done[1] / "sensitivity.svg").getroot().iter() if each.text]
    assert set(INT8_LAYERS) <= set(texts) and f"{done[0].rows[0].cost_alone_db:+.3f} dB" in texts


def test_nothing_is_promoted_where_it_may_not_or_need_not(quantized: Quantized, data: DataSpec, tmp_path: Path) -> None:
    elsewhere = LayerTiming(runtime="tflite", local=False, threads=2, float_precision="f32")
    for name, promotion, spec in (
        ("loose", LIMITS.model_copy(update={"max_int8_drop_db": 90.0}), SensitivitySpec(max_images=1)),
        ("int8 only", LIMITS.model_copy(update={"float_layers": False}), SensitivitySpec(max_images=1)),
        ("report only", LIMITS, SensitivitySpec(max_images=1, promote=False)),
    ):
        report, told = _run(quantized, data, tmp_path / name, promotion, elsewhere, spec)
        assert report.promoted == () and report.holds == (name == "loose")
        assert {(row.cost.unit, row.cost.origin) for row in report.rows} == {("MMAC", "estimated")}
        assert all(row.cost.of_promotion > 0 for row in report.rows)
        for file in ("qat.safetensors", "quantization.json"):
            assert (tmp_path / name / file).read_bytes() == (quantized.folder / file).read_bytes()
        assert any("no single layers in float" in line for line in told.lines) == (name == "int8 only")


def test_a_set_without_validation_pictures_is_refused(quantized: Quantized, data: DataSpec, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="val_fraction"):
        _run(quantized, data.model_copy(update={"val_fraction": 0.0}), tmp_path / "out")


def test_the_cheapest_set_that_holds_is_chosen() -> None:
    three = [Candidate("a", 1.0, 5.0), Candidate("b", 0.6, 1.0), Candidate("c", 0.5, 1.0)]
    gains = {each.name: each.gain_db for each in three}

    def reaches(deficit: float) -> frozenset[str] | None:
        return cheapest(three, deficit, lambda names: sum(gains[name] for name in names) >= deficit)

    assert reaches(0.4) == {"b"} and reaches(1.0) == {"b", "c"} and reaches(1.4) == {"a", "b"}
    assert reaches(2.1) == {"a", "b", "c"} and reaches(2.2) is None
    # gains that don't add up: only the measurement counts
    assert cheapest(three, 1.0, lambda names: "a" in names) == {"a"}
    assert cheapest(three, 9.0, lambda names: "c" in names) == {"c"}
    many = [Candidate(f"l{i}", 0.1 * i, 1.0) for i in range(20)]
    assert cheapest(many, 1.0, lambda names: {"l19", "l18"} <= names) == {"l19", "l18"}


def test_in_a_chain_what_follows_gets_the_promoted_network() -> None:
    stages = ("teacher", "distill", "quantize", "sensitivity", "export", "validate", "gate", "package")
    words = ("recipe=kd_int8", "target=x86_edge", f"stages=[{','.join(stages)}]", "sensitivity.max_images=2")
    (plan,) = load_plans(words)
    wires = {each.stage.name: each for each in wire(plan)}
    assert wires["sensitivity"].inputs == {"quantized": stages.index("quantize")}
    for name in ("export", "validate", "package"):
        assert wires[name].inputs["quantized"] == stages.index("sensitivity")
    read = wires["sensitivity"].sections["promotion"]
    assert read == Promotion(float_layers=True, max_int8_drop_db=0.1, max_worst_drop_db=None, size=(400, 600))
