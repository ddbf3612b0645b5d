"""Metrics by name from a recipe to the report and the gate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from compress.metrics import psnr_db, vif
from compress.metrics.scoring import Scorer
from compress.metrics.table import ALWAYS, METRICS
from compress.metrics.wanted import Wanted
from compress.records import BuildList, QualityReport, QualityRow, SpeedReport
from compress.report.markdown import markdown_report
from compress.report.metrics import metric_headings, metric_notes, metric_rows
from compress.report.rows import Results
from compress.report.verdict import Evidence, judge
from compress.schema import Budget, MetricLimit, MetricWeights, ValidateSpec

Picture = NDArray[np.uint8]


def _picture(seed: int, side: int = 48) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def _scored(wanted: tuple[Wanted, ...], side: int = 48) -> Results:
    scorer = Scorer(["input", "student", "int8"], "student", wanted)
    for seed in range(2):
        truth = _picture(seed, side)
        answers = [(truth // (4 - place) * (4 - place)).astype(np.uint8) for place in range(3)]
        scorer.add(answers, truth)
    quality = QualityReport(
        definition="d", decoder="p", data_digest="0" * 64, data_kind="embedded", images=("a", "b"),
        rows=tuple(scorer.row(n, t, "measured") for n, t in enumerate(("none", "onnx", "onnx"))),  # type: ignore[arg-type]
        metrics=scorer.facts(),
    )  # fmt: skip
    speed = SpeedReport(device="none", fingerprint={}, rows=(), not_measured="not asked")
    return Results(builds=BuildList(builds=()), quality=quality, speed=speed, runtime="onnx")


def _judged(results: Results, *limits: MetricLimit) -> dict[str, tuple[str, str]]:
    budget = Budget(max_int8_drop_db=None, metrics=limits)
    verdict = judge(budget, Evidence(results.builds, results.quality, results.speed, "onnx"))
    return {check.name: (check.result, check.note) for check in verdict.checks}


def test_values_are_the_functions_and_to_float_is_of_int8_alone() -> None:
    results = _scored((Wanted("vif"),))
    dark, full, int8 = results.quality.rows
    truth = _picture(0)
    assert int8.values("vif")[0] == pytest.approx(vif((truth // 2 * 2).astype(np.uint8), truth), abs=1e-6)
    assert int8.values("psnr") == int8.psnr_db and int8.values("niqe") == ()
    assert full.psnr_to_float_db == dark.psnr_to_float_db == ()
    between = psnr_db((truth // 2 * 2).astype(np.uint8), (truth // 3 * 3).astype(np.uint8))
    assert int8.psnr_to_float_db[0] == pytest.approx(between, abs=1e-5)


def test_default_is_written_as_before_there_were_names() -> None:
    assert ValidateSpec().wanted() == () and ValidateSpec().metrics == ALWAYS
    assert "metrics" not in ValidateSpec().identity() and "metrics" not in Budget().identity()
    text = _scored(()).quality.text()
    assert '"metrics"' not in text and '"others"' not in text
    assert metric_headings(_scored(())) == () and "Other metrics" not in _markdown(_scored(()))


def test_a_report_of_before_is_read_and_one_with_names_comes_back_whole(tmp_path: Path) -> None:
    for results in (_scored(()), _scored((Wanted("vif"), Wanted("ms_ssim")))):
        results.quality.write(tmp_path / "quality.json")
        assert QualityReport.read(tmp_path / "quality.json") == results.quality


def _markdown(results: Results) -> str:
    verdict = judge(Budget(), Evidence(results.builds, results.quality, results.speed, "onnx"))
    return markdown_report("t", results, verdict)


def test_a_picture_that_is_too_small_leaves_the_column_empty_and_says_why() -> None:
    results = _scored((Wanted("vif"), Wanted("ms_ssim")))
    assert metric_headings(results) == ("network", "through", "VIF", "MS-SSIM")
    assert {row[3] for row in metric_rows(results)} == {"not measured"}
    assert all(float(row[2]) > 0 for row in metric_rows(results))
    small, note = metric_notes(results)[1], "not measured: takes pictures of 161x161 and larger, one is 48x48"
    assert note in small and "pytorch-msssim" in small and note in _markdown(results)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.needs_weights])
def test_what_is_absent_is_named_and_never_fetched(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import compress.metrics.no_reference as alone

    lacking = _scored((Wanted(name, tmp_path / "no.pth"),), 96).quality.metrics[0]  # type: ignore[arg-type]
    assert lacking.not_measured is not None and lacking.weights_sha256 is None
    monkeypatch.setattr(alone, "find_spec", lambda _name: None)
    assert alone.why_not(name, tmp_path) == "pyiqa is not installed (pip install pyiqa)"
    monkeypatch.setattr(alone, "find_spec", lambda _name: object())
    assert "validation.weights" in (alone.why_not(name, None) or "")
    assert "no file" in (alone.why_not(name, tmp_path / "no.pth") or "")


def test_a_metric_of_boxes_is_not_measured_of_pictures() -> None:
    results = _scored((Wanted("map50"),))
    assert {row[2] for row in metric_rows(results)} == {"not measured"}
    assert "not measured: it is of boxes, and these networks answer with pictures" in metric_notes(results)[0]


def test_limits_by_name() -> None:
    results = _scored((Wanted("vif"), Wanted("ms_ssim")))
    found = _judged(
        results, MetricLimit(metric="vif", min=0.1), MetricLimit(metric="ms_ssim", min=0.5),
        MetricLimit(metric="niqe", max=5.0), MetricLimit(metric="ssim", min=2.0, max=1.0),
    )  # fmt: skip
    assert found["min_vif"][0] == "pass" and found["min_ssim"][0] == "fail" and found["max_ssim"][0] == "pass"
    assert found["min_ms_ssim"] == (
        "incomplete", "no MS-SSIM of int8 through onnx: takes pictures of 161x161 and larger, one is 48x48",
    )  # fmt: skip
    assert found["max_niqe"][1] == "no NIQE of int8 through onnx: add it to validation.metrics"


def test_nan_fails_the_gate() -> None:
    results = _scored((Wanted("vif"),))
    row = results.quality.rows[2]
    broken = row.others[0].model_copy(update={"values": (float("nan"), 1.0)})
    quality = results.quality.model_copy(update={"rows": (row.model_copy(update={"others": (broken,)}),)})
    verdict = judge(Budget(max_int8_drop_db=None), Evidence(results.builds, quality, results.speed, "onnx"))
    assert verdict.result == "fail" and "holds NaN" in verdict.reasons[0]


def test_weights_count_by_their_bytes(tmp_path: Path) -> None:
    def identity(file: Path) -> object:
        spec = ValidateSpec(metrics=("psnr", "musiq"), weights=(MetricWeights(metric="musiq", file=str(file)),))
        return spec.identity()["metrics"]

    for name, text in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(text)
    assert identity(tmp_path / "a") == identity(tmp_path / "b") != identity(tmp_path / "c")


def test_definition_is_said_of_each() -> None:
    for name, metric in METRICS.items():
        assert metric.heading and metric.definition and metric.library, name
        assert (metric.compare is None) == (metric.kind != "full_reference")
        assert metric.needs_weights == (metric.kind == "no_reference")


def test_rows_of_before_have_no_others() -> None:
    row = QualityRow(variant="int8", runtime="onnx", psnr_db=(1.0,), ssim=(0.5,), psnr_gtmean_db=(1.0,))
    assert row.others == () and set(row.model_dump()) == {
        "variant", "runtime", "psnr_db", "ssim", "psnr_gtmean_db", "psnr_to_float_db", "origin",
    }  # fmt: skip
