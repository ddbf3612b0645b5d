"""Sensitivity: a layer made hard to quantize on purpose is found, promoted, and ships in float."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import onnx
import pytest
import tiny_nets
import torch
from hard_net import HARD, hard_net, pictures, write_pairs

from compress.artefacts import Quantized
from compress.config.load import load_plans
from compress.errors import BuildError, ConfigError, DataError
from compress.models.enhance import to_tensor
from compress.models.quantized import insert_fake_quant, load_fake_quant, read_table, save_fake_quant, strip
from compress.models.weights import save_net
from compress.records import QuantizationTable
from compress.report.sensitivity import summary
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import OnnxRequest, constant_tensors, export_onnx
from compress.schema import DataSpec, LayerTiming, Promotion, Scheme, SensitivitySpec
from compress.sensitivity.apply import copy_with
from compress.sensitivity.layers import only, quantized_layers, quantizer_bits, widened
from compress.sensitivity.promote import Candidate, cheapest
from compress.sensitivity.records import SensitivityReport, Wider
from compress.stages import load_stage
from compress.wiring import wire

SIZE = (32, 48)
LOCAL = LayerTiming(runtime="openvino", local=True, threads=1, float_precision="f32")
LIMITS = Promotion(float_layers=True, max_int8_drop_db=0.5, max_worst_drop_db=None, size=SIZE)
INT8_LAYERS = ("unshuffle", "repair.enter", "repair.middle1", "repair.middle2", "repair.middle3", "repair.leave")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSpec:
    root = tmp_path_factory.mktemp("pairs")
    write_pairs(root)
    return DataSpec(licence="made here", kind="paired", root=str(root), val_fraction=0.45)


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Quantized:
    folder = tmp_path_factory.mktemp("quantized")
    net = insert_fake_quant(hard_net(), [to_tensor(each) for each in pictures()], Scheme(), tiny_nets.KEPT)
    save_net(hard_net(), folder / "net.safetensors")
    for which in ("qat", "ptq"):
        save_fake_quant(net, folder, which)  # type: ignore[arg-type]
    read_table(net, Scheme(), tiny_nets.KEPT.keep_float).write(folder / "quantization.json")
    return Quantized(folder, "key", "digest")


def _run(
    quantized: Quantized, data: DataSpec, out: Path, promotion: Promotion = LIMITS, timing: LayerTiming = LOCAL,
    spec: SensitivitySpec = SensitivitySpec(max_images=3), told: tiny_nets.Told | None = None,  # noqa: B008
) -> tuple[SensitivityReport, tiny_nets.Told]:  # fmt: skip
    told = told or tiny_nets.Told()
    scratch = out.with_suffix(".scratch")
    out.mkdir(exist_ok=True)
    scratch.mkdir(exist_ok=True)
    load_stage("sensitivity").function(quantized, spec, promotion, Scheme(), data, timing, out, scratch, told)
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
    assert fed["repair.middle1"] == ["repair/relu/0__0.0"] and fed["repair.leave"] == ["repair/relu/3__0.0"]
    table = QuantizationTable.read(quantized.table)
    assert sum(len(layer.quantizers) for layer in layers) == len(table.tensors)


def test_no_layer_in_int8_is_the_float_network(quantized: Quantized) -> None:
    net, x = load_fake_quant(quantized.folder, "qat"), torch.rand(1, 3, *SIZE) * 0.3
    layers, before = quantized_layers(net), net(x)
    with torch.no_grad(), only(net, layers, ()):
        assert torch.equal(net(x), hard_net()(x))
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


def test_it_alone_is_promoted_and_the_budget_holds(done: tuple[SensitivityReport, Path, tiny_nets.Told]) -> None:
    report, _, told = done
    assert report.drop_db > 10 and report.promoted == (HARD,)
    assert report.holds and report.drop_after_db <= 0.5
    assert [row.layer for row in report.rows if row.promoted_to == "float"] == [HARD]
    assert any("keep_float=[repair.middle2]" in line for line in told.lines)


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
    assert gone == {"repair/middle2/conv2d/0 weight", "repair/relu/1 output"}
    assert table.kept_float == ("light", HARD)
    net = load_fake_quant(out, "qat")
    full = load_fake_quant(quantized.folder, "qat")
    layers, x = quantized_layers(full), torch.rand(1, 3, *SIZE) * 0.3
    with only(full, layers, [layer for layer in layers if layer.name != HARD]):
        assert torch.equal(net(x), full(x))
    export_onnx(strip(net, *SIZE), OnnxRequest(SIZE, False, 18, {}), tmp_path / "net.onnx")
    nodes = onnx.load(str(tmp_path / "net.onnx")).graph.node
    fed = {node.name: [name.rsplit("/", 1)[1] for name in node.input if name.startswith("/")] for node in nodes}
    assert fed["/net/repair/middle2/Conv"] == ["Relu_1_output_0"]
    assert fed["/net/repair/middle3/Conv"] == ["DequantizeLinear_output_0"] * 2
    for name in ("net.safetensors", "ptq.safetensors", "ptq.json"):
        assert (out / name).read_bytes() == (quantized.folder / name).read_bytes()


class _Killed(Exception):
    """Stands for a kill in the middle of the measurements."""


class _Short(tiny_nets.Told):
    """Ends at the ``count``-th measurement."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.left = count

    def update(self, done: float, total: float, note: str = "") -> None:
        super().update(done, total, note)
        self.left -= 1
        if self.left < 0:
            raise _Killed


def test_a_killed_stage_measures_nothing_twice(quantized: Quantized, data: DataSpec, tmp_path: Path) -> None:
    elsewhere = LayerTiming(runtime="tflite", local=False, threads=2, float_precision="f32")
    whole, straight = _run(quantized, data, tmp_path / "whole", timing=elsewhere)
    with pytest.raises(_Killed):
        _run(quantized, data, tmp_path / "cut", timing=elsewhere, told=_Short(7))
    log = (tmp_path / "cut.scratch" / "scores.jsonl").read_text()
    assert log.count("\n") == 7
    (tmp_path / "cut.scratch" / "scores.jsonl").write_text(log + '["repair.middle1=flo')  # the kill came while writing
    again, told = _run(quantized, data, tmp_path / "cut", timing=elsewhere, told=_Short(1000))
    assert again == whole and isinstance(told, _Short)
    counted = len((tmp_path / "whole.scratch" / "scores.jsonl").read_text().splitlines())
    assert 1000 - told.left == counted - 7 and straight.last[0] == counted - 1 <= straight.last[1]
    assert (tmp_path / "cut" / "qat.safetensors").read_bytes() == (tmp_path / "whole" / "qat.safetensors").read_bytes()


def test_sixteen_bits_reach_the_table_and_the_onnx_file(quantized: Quantized, tmp_path: Path) -> None:
    net, x = load_fake_quant(quantized.folder, "qat"), torch.rand(1, 3, *SIZE) * 0.3
    layers, before = quantized_layers(net), net(x)
    choices: dict[str, Wider] = {"repair.middle3": "int16", "repair.leave": "int16"}
    with widened(net, layers, choices):
        wanted = net(x)
    assert torch.equal(net(x), before) and not torch.equal(wanted, before)
    copy_with(quantized.folder, quantizer_bits(layers, choices), tmp_path)
    wide = load_fake_quant(tmp_path, "qat")
    torch.testing.assert_close(wide(x), wanted, atol=1e-6, rtol=0)  # a zero point of 32768 in one, of 0 in the other
    table = read_table(wide, Scheme(), ())
    bits = {row.tensor: (row.quant_min, row.quant_max, row.zero_point) for row in table.tensors}
    assert bits["repair/relu/2 output"] == bits["repair/relu/3 output"] == (-32768, 32767, (0,))
    assert bits["repair/relu/1 output"][:2] == (0, 255) and bits["repair/middle3/conv2d/0 weight"][:2] == (-128, 127)
    stripped = strip(wide, *SIZE)
    torch.testing.assert_close(stripped(x), wide(x), atol=2e-3, rtol=0)
    export_onnx(stripped, OnnxRequest(SIZE, False, 21, {}), tmp_path / "net.onnx")
    found = open_runtime("onnx").inspect(tmp_path, ("net.onnx",), table)
    assert found.scales_compared == len(table.tensors) and found.scale_differences == ()
    model = onnx.load(str(tmp_path / "net.onnx"))
    kinds = [tensor.data_type for tensor in constant_tensors(model).values()]
    assert kinds.count(onnx.TensorProto.INT16) > 0 and model.opset_import[0].version == 21
    answer = open_runtime("onnx").load(tmp_path, ("net.onnx",), RunOptions(1)).infer(x.numpy())
    assert float(np.abs(answer - stripped(x).detach().numpy()).mean()) < 1e-4
    with pytest.raises(BuildError, match="target.export.opset=21"):
        export_onnx(stripped, OnnxRequest(SIZE, False, 18, {}), tmp_path / "old.onnx")


def test_sixteen_bits_are_chosen_where_they_are_cheaper_and_enough(
    quantized: Quantized, data: DataSpec, tmp_path: Path
) -> None:
    elsewhere = LayerTiming(runtime="onnx", local=False, threads=2, float_precision="f32")
    both = LIMITS.model_copy(update={"int16_layers": True, "max_int8_drop_db": None, "max_worst_drop_db": 10.0})
    loose, told = _run(quantized, data, tmp_path / "loose", both, elsewhere)
    (hard,) = [row for row in loose.rows if row.promoted_to]
    assert (hard.layer, hard.promoted_to) == (HARD, "int16") and loose.holds and loose.wider == ("int16", "float")
    assert hard.gain_if_16bit_db and 0 < hard.gain_if_16bit_db < hard.gain_if_float_db
    assert hard.promotion_cost == pytest.approx(hard.cost.int8) and any("to 16 bit" in line for line in told.lines)
    tight, _ = _run(quantized, data, tmp_path / "tight", both.model_copy(update={"max_int8_drop_db": 0.5}), elsewhere)
    (hard,) = [row for row in tight.rows if row.promoted_to]
    assert (hard.layer, hard.promoted_to) == (HARD, "float") and tight.holds


def test_a_target_whose_builds_hold_no_sixteen_bits_is_refused_before_any_work() -> None:
    for target, builds in (("rk3588", "rknn"), ("jetson", "tensorrt")):
        with pytest.raises(ConfigError, match=f"builds for {builds} can't hold 16-bit codes") as told:
            load_plans(("recipe=kd_int8", f"target={target}", "sensitivity.run=true", "target.int16_layers=true"))
        assert any("need opset 21, not 18" in line for line in told.value.problems)
    load_plans(("recipe=kd_int8", "target=jetson", "target.int16_layers=true"))  # nothing is promoted


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
        assert all(row.cost.floating == pytest.approx(4 * row.cost.int8) for row in report.rows)
        for file in ("qat.safetensors", "quantization.json"):
            assert (tmp_path / name / file).read_bytes() == (quantized.folder / file).read_bytes()
        assert any("nothing beyond int8" in line for line in told.lines) == (name == "int8 only")


def test_the_curve_tells_what_is_lost_and_what_the_whole_network_takes(
    done: tuple[SensitivityReport, Path, tiny_nets.Told],
) -> None:
    report, out, told = done
    assert [point.cost for point in report.curve] == sorted(point.cost for point in report.curve)
    assert {0, 6} < {point.promoted for point in report.curve}
    (ships,) = [point for point in report.curve if point.chosen]
    assert (ships.promoted, ships.drop_db) == (1, report.drop_after_db)
    plain, whole = (next(p for p in report.curve if p.promoted == count) for count in (0, 6))
    assert plain.drop_db == report.drop_db and whole.drop_db == 0.0 and whole.latency_ms == report.float_latency_ms
    assert all(point.latency_ms for point in report.curve) and report.whole_speedup
    assert any(line.startswith(f"speed left: {report.whole_speedup:.2f}x") for line in told.lines)
    assert any("(this ships)" in line for line in told.lines)
    assert report.closeness_db is not None and report.closeness_after_db is not None
    assert report.closeness_db < 45 < 60 < report.closeness_after_db
    assert any(f"PSNR {report.closeness_db:.2f} dB, {report.closeness_after_db:.2f} dB with" in x for x in told.lines)
    drawn = (out / "sensitivity.svg").read_text()
    assert "ms of the whole network, measured" in drawn and drawn.count("<circle") == len(report.curve)


@pytest.mark.parametrize("slowdown", [1.0, 4.0])
def test_it_is_said_where_budget_and_speed_exclude_each_other(
    slowdown: float, quantized: Quantized, data: DataSpec, tmp_path: Path
) -> None:
    """On a device whose float layers are as fast as int8 ones, promotion leaves no gain; on another, it does."""
    elsewhere = LayerTiming(runtime="tflite", local=False, threads=2, float_precision="f32")
    limits = LIMITS.model_copy(update={"float_slowdown": slowdown})
    report, told = _run(quantized, data, tmp_path / "out", limits, elsewhere, SensitivitySpec(max_images=2))
    assert report.holds and HARD in report.promoted and report.curve and report.whole_speedup is None
    assert any("exclude each other" in line for line in told.lines) == (slowdown == 1.0)
    assert any(line.startswith("  0 promoted: ") and line.endswith("MMAC, estimated") for line in told.lines)
    assert "what all layers take (MMAC, estimated)" in (tmp_path / "out" / "sensitivity.svg").read_text()


def test_what_was_timed_says_whether_speed_is_left(done: tuple[SensitivityReport, Path, tiny_nets.Told]) -> None:
    def said(chosen_ms: float, holds: bool = True) -> bool:
        curve = tuple(p.model_copy(update={"latency_ms": chosen_ms if p.chosen else 1.0}) for p in done[0].curve)
        timed = done[0].model_copy(update={"curve": curve, "float_latency_ms": 10.0, "holds": holds})
        return any("exclude each other" in line for line in summary(timed))

    assert not said(5.0) and said(9.8) and said(12.0) and not said(12.0, holds=False)


def test_single_layers_are_measured_on_what_int8_harms_most(
    quantized: Quantized, data: DataSpec, tmp_path: Path
) -> None:
    elsewhere = LayerTiming(runtime="tflite", local=False, threads=2, float_precision="f32")
    spec = SensitivitySpec(max_images=3, ranked_images=1)
    report, told = _run(quantized, data, tmp_path / "out", LIMITS, elsewhere, spec)
    assert len(report.images) == 3 and len(report.ranked_images) == 1 and report.holds
    worst = next(row.worst_alone_db for row in report.rows if row.layer == HARD)
    assert worst == pytest.approx(report.worst_drop_db, abs=0.5) and report.worst_drop_db > report.drop_db
    assert f"each layer on what int8 harms most: {report.ranked_images[0]}" in told.lines


def test_a_worst_picture_alone_can_break_the_budget(quantized: Quantized, data: DataSpec, tmp_path: Path) -> None:
    elsewhere = LayerTiming(runtime="tflite", local=False, threads=2, float_precision="f32")
    worst_only = LIMITS.model_copy(update={"max_int8_drop_db": None, "max_worst_drop_db": 0.5})
    report, _ = _run(quantized, data, tmp_path / "out", worst_only, elsewhere, SensitivitySpec(max_images=2))
    assert report.holds and report.promoted == (HARD,) and report.worst_drop_after_db <= 0.5


def test_single_layers_are_left_alone_where_the_budget_holds_without(
    quantized: Quantized, data: DataSpec, tmp_path: Path
) -> None:
    elsewhere = LayerTiming(runtime="tflite", local=False, threads=2, float_precision="f32")
    spec, loose = SensitivitySpec(max_images=1, always=False), LIMITS.model_copy(update={"max_int8_drop_db": 90.0})
    report, told = _run(quantized, data, tmp_path / "loose", loose, elsewhere, spec)
    assert report.rows == () and report.holds and report.drop_db > 10 and report.curve == ()
    assert any("single ones were not measured" in line for line in told.lines)
    assert (tmp_path / "loose" / "qat.safetensors").read_bytes() == (quantized.folder / "qat.safetensors").read_bytes()
    ElementTree.parse(tmp_path / "loose" / "sensitivity.svg")
    report, _ = _run(quantized, data, tmp_path / "tight", LIMITS, elsewhere, spec)
    assert len(report.rows) == len(INT8_LAYERS) and report.promoted == (HARD,)


def test_a_set_without_validation_pictures_is_refused(quantized: Quantized, data: DataSpec, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="val_fraction"):
        _run(quantized, data.model_copy(update={"val_fraction": 0.0}), tmp_path / "out")


def test_the_cheapest_set_that_holds_is_chosen() -> None:
    three = [Candidate("a", 1.0, 5.0), Candidate("b", 0.6, 1.0), Candidate("c", 0.5, 1.0)]
    gains = {each.name: each.gain_db for each in three}

    def reaches(deficit: float) -> set[str] | None:
        found = cheapest(three, deficit, lambda names: sum(gains[name] for name in names) >= deficit)
        return None if found is None else set(found)

    assert reaches(0.4) == {"b"} and reaches(1.0) == {"b", "c"} and reaches(1.4) == {"a", "b"}
    assert reaches(2.1) == {"a", "b", "c"} and reaches(2.2) is None
    # gains that don't add up: only the measurement counts
    assert cheapest(three, 1.0, lambda names: "a" in names) == {"a": "float"}
    assert cheapest(three, 9.0, lambda names: "c" in names) == {"c": "float"}
    many = [Candidate(f"l{i}", 0.1 * i, 1.0) for i in range(20)]
    asked: list[int] = []

    def hard(names: Mapping[str, Wider]) -> bool:
        asked.append(len(names))
        return "soft" in names

    free = [Candidate(f"free{i}", 0.001, 0.0) for i in range(40)]
    assert cheapest([*free, Candidate("soft", 0.8, 0.0), Candidate("conv", 0.2, 9.0)], 0.7, hard) == {"soft": "float"}
    assert len(asked) < 10  # forty operations that cost and bring next to nothing are not tried one by one
    assert set(cheapest(many, 1.0, lambda names: {"l19", "l18"} <= names.keys()) or {}) == {"l19", "l18"}


def test_of_two_precisions_the_cheaper_that_is_enough_is_chosen() -> None:
    both = [
        Candidate("a", 0.8, 2.0, "int16"), Candidate("a", 1.0, 6.0, "float"),
        Candidate("b", 0.3, 3.0, "int16"), Candidate("b", 0.3, 1.0, "float"),
    ]  # fmt: skip
    gains = {(each.name, each.precision): each.gain_db for each in both}

    def reaches(deficit: float) -> Mapping[str, Wider] | None:
        return cheapest(both, deficit, lambda names: sum(gains[name] for name in names.items()) >= deficit)

    assert reaches(0.2) == {"b": "float"} and reaches(0.5) == {"a": "int16"}
    assert reaches(0.9) == {"a": "int16", "b": "float"}  # 3 rather than 6
    assert reaches(1.2) == {"a": "float", "b": "float"} and reaches(1.4) is None


def test_in_a_chain_what_follows_gets_the_promoted_network() -> None:
    stages = ("teacher", "distill", "quantize", "sensitivity", "export", "validate", "gate", "package")
    words = ("recipe=kd_int8", "target=x86_edge", f"stages=[{','.join(stages)}]", "sensitivity.max_images=2")
    (plan,) = load_plans(words)
    wires = {each.stage.name: each for each in wire(plan)}
    assert wires["sensitivity"].inputs == {"quantized": stages.index("quantize"), "labels": None}
    for name in ("export", "validate", "package"):
        assert wires[name].inputs["quantized"] == stages.index("sensitivity")
    read = wires["sensitivity"].sections["promotion"]
    for word in ("stages=[teacher,distill,quantize,export,validate,gate,package]", "sensitivity.run=true"):
        words = tuple(each for each in words if not each.startswith(word.split("=")[0])) + (word,)
    assert tuple(each.stage.name for each in wire(load_plans(words)[0])) == stages
    assert read == Promotion(float_layers=True, max_int8_drop_db=0.1, max_worst_drop_db=None, size=(400, 600))
