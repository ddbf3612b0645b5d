"""``sensitivity.run=true`` from the command's words to the signed bundle, with a student that int8 harms."""

from __future__ import annotations

from pathlib import Path

import pytest
from hard_net import HARD, hard_net, write_pairs

from compress.artefacts import Builds, Bundle, Measurements, Promoted, Quantized, Student, Verdict
from compress.config.load import load_plans
from compress.flow import Quiet, RunResult, run
from compress.models.weights import save_net
from compress.records import BuildList, QualityReport, QuantizationTable, VerdictRecord
from compress.report.table import read_results
from compress.schema import StudentSpec
from compress.sensitivity.records import SensitivityReport
from compress.stage import Stage, stage
from compress.stages import load_stage
from compress.store.store import Store


@stage(gives=Student, version=1)
def distill(student: StudentSpec, out: Path) -> None:
    """In place of a training: the student that int8 harms."""
    save_net(hard_net(), out / "net.safetensors")


def _load(name: str) -> Stage:
    return distill if name == "distill" else load_stage(name)


class Lines(Quiet):
    """Keeps what stages say."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def started(self, stage: str, place: int, count: int) -> Lines:
        return self

    def say(self, line: str) -> None:
        self.said.append(line)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    root = tmp_path_factory.mktemp("pairs")
    write_pairs(root)
    return (
        "recipe=tiny", "stages=[teacher,distill,quantize,export,validate,gate,package]", "sensitivity.run=true",
        "quantize.calibration_images=5", "quantize.train.lr=1e-9", "target=x86_edge", "data=lol",
        f"data.root={root}", "data.train=train", "data.test=test", "data.exclude=[]", "data.val_fraction=0.45",
        "target.export.size=[32,48]", "target.budget.min_int8_speedup=null",
    )  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("chain") / "store")


def _run(words: tuple[str, ...], store: Store, home: Path, drop_db: float = 0.5) -> tuple[RunResult, list[str]]:
    observer = Lines()
    words = (*words, f"target.budget.max_int8_drop_db={drop_db}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPRESS_HOME", str(home))
        return run(load_plans(words)[0], store, observer, _load), observer.said


@pytest.fixture(scope="module")
def promoted(words: tuple[str, ...], store: Store, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    return _run(words, store, tmp_path_factory.mktemp("home"))[0]


def _drop(result: RunResult) -> tuple[str, float | None]:
    """The gate's result for the INT8 drop, measured on test pictures through the device's runtime."""
    verdict = result.newest(Verdict)
    assert verdict is not None
    (check,) = [c for c in VerdictRecord.read(verdict.folder / "verdict.json").checks if c.name == "max_int8_drop_db"]
    return check.result, check.measured


def test_the_build_holds_the_budget_that_plain_int8_breaks(promoted: RunResult) -> None:
    assert [o.name for o in promoted.outcomes][2:4] == ["quantize", "sensitivity"]
    measured = promoted.newest(Measurements)
    assert measured is not None
    rows = QualityReport.read(measured.folder / "quality.json").rows
    psnr = {row.variant: sum(row.psnr_db) / len(row.psnr_db) for row in rows if row.runtime in ("openvino", "torch")}
    assert psnr["student"] - psnr["ptq"] > 10
    result, drop = _drop(promoted)
    assert result == "pass" and drop is not None and drop <= 0.5


def test_builds_have_the_layer_in_float_and_the_table_s_scales(promoted: RunResult) -> None:
    quantized, builds = promoted.newest(Quantized), promoted.newest(Builds)
    assert isinstance(quantized, Promoted) and builds is not None
    table = QuantizationTable.read(quantized.table)
    assert table.kept_float == ("light", HARD)
    for build in BuildList.read(builds.folder / "builds.json").builds:
        if build.variant == "int8":
            assert build.inspection.scales_compared == len(table.tensors) and not build.inspection.scale_differences
    (openvino,) = [b for b in BuildList.read(builds.folder / "builds.json").builds if b.name == "int8-openvino-32x48"]
    assert any("repair/middle2" in name for name in openvino.inspection.float_islands)


def test_report_and_bundle_hold_table_and_plot(promoted: RunResult) -> None:
    bundle = promoted.newest(Bundle)
    assert bundle is not None
    folder = bundle.bundle / "report"
    report = SensitivityReport.read(folder / "sensitivity.json")
    (row,) = [row for row in report.rows if row.promoted_to]
    assert (row.layer, row.promoted_to, row.cost.unit, row.cost.origin) == (HARD, "float", "ms", "measured")
    text = (folder / "report.md").read_text()
    assert f"| {HARD} |" in text and f"{HARD} to float: brings {row.promotion_gain_db:.3f} dB by itself" in text
    assert "![by layer](sensitivity.svg)" in text and HARD in (folder / "sensitivity.svg").read_text()
    shown = read_results(tuple(outcome.artefact for outcome in promoted.outcomes), "openvino")
    assert shown is not None and shown.sensitivity == report


def test_a_target_with_nothing_beyond_int8_fails_its_gate(
    words: tuple[str, ...], store: Store, promoted: RunResult, tmp_path: Path
) -> None:
    result, said = _run((*words, "target.float_layers=false"), store, tmp_path)
    assert [o.name for o in result.outcomes if o.reused] == ["teacher", "distill", "quantize"]
    assert _drop(result)[0] == "fail"
    line = "the budget does not hold, and the target has nothing beyond int8: widen the student or raise the budget"
    bundle = result.newest(Bundle)
    assert line in said and bundle is not None and line in (bundle.bundle / "report" / "report.md").read_text()


def test_sixteen_bits_reach_the_builds(
    words: tuple[str, ...], store: Store, promoted: RunResult, tmp_path: Path
) -> None:
    wide = ("target.int16_layers=true", "target.export.opset=21", "target.device.runtime=onnx")
    result, _ = _run((*words, *wide), store, tmp_path, drop_db=10.0)
    found, builds = result.newest(Promoted), result.newest(Builds)
    assert found is not None and builds is not None and _drop(result)[0] == "pass"
    report, table = SensitivityReport.read(found.report), QuantizationTable.read(found.table)
    assert {row.layer: row.promoted_to for row in report.rows if row.promoted_to} == {HARD: "int16"}
    assert report.cost_origin == "estimated" and report.cost_unit == "MMAC"
    assert [row.tensor for row in table.tensors if row.quant_max == 32767] == ["repair/relu/1 output"]
    int8 = [build for build in BuildList.read(builds.folder / "builds.json").builds if build.variant == "int8"]
    assert {build.runtime for build in int8} == {"onnx", "openvino"}
    for build in int8:
        assert build.inspection.scales_compared == len(table.tensors) and not build.inspection.scale_differences
