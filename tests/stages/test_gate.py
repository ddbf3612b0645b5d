"""The stage around the rules: files in, ``verdict.json`` out."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.artefacts import Builds, Measurements, Verdict
from compress.config.load import load_plans
from compress.records import BuildList, QualityReport, QualityRow, SpeedReport, VerdictRecord
from compress.schema import Budget, DeviceSpec, UntrainedBudget
from compress.stages import load_stage


def run_gate(folder: Path, budget: Budget, rows: tuple[QualityRow, ...] = ()) -> VerdictRecord:
    out = folder / "out"
    out.mkdir()
    BuildList(builds=()).write(folder / "builds.json")
    QualityReport(definition="", decoder="", data_digest="", data_kind="embedded", images=(), rows=rows).write(
        folder / "quality.json"
    )
    SpeedReport(device="bench", fingerprint={}, rows=(), not_measured="no device").write(folder / "speed.json")
    load_stage("gate").function(
        builds=Builds(folder, "k", "d"), measurements=Measurements(folder, "k", "d"), budget=budget,
        device=DeviceSpec(), out=out,
    )  # fmt: skip
    assert [path.name for path in out.iterdir()] == ["verdict.json"]
    return VerdictRecord.read(out / "verdict.json")


def test_writes_the_verdict(tmp_path: Path) -> None:
    verdict = run_gate(tmp_path, Budget(min_fps=30.0))
    assert verdict.result == "incomplete"
    assert {check.name for check in verdict.checks} == {"min_fps", "max_int8_drop_db"}


def test_knows_of_a_network_that_was_not_trained() -> None:
    """The rules themselves are tested in ``tests/report/test_verdict.py``."""
    words = ("recipe=kd_int8", "target=x86_edge", "quantize.train.phases=[]")
    (plan,) = load_plans(words)
    trained = load_plans(words[:2])[0]
    assert isinstance(plan.sections[Budget], UntrainedBudget) and type(trained.sections[Budget]) is Budget
    asked, before = plan.sections[Budget].identity(), trained.sections[Budget].identity()
    assert asked == {**before, "untrained": True}


def test_judges_it_by_its_distance(tmp_path: Path) -> None:
    rows = [
        QualityRow(variant=variant, runtime="openvino", psnr_db=(20.0,), ssim=(), psnr_gtmean_db=(),
                   psnr_to_float_db=(20.0,) if variant == "int8" else ())
        for variant in ("student", "int8")
    ]  # fmt: skip
    for name, kind, measured in (("trained", Budget, 0.0), ("not", UntrainedBudget, 3.0103)):
        (tmp_path / name).mkdir()
        (check,) = run_gate(tmp_path / name, kind(), tuple(rows)).checks
        assert check.measured == pytest.approx(measured, abs=1e-4), name


def test_is_a_stage_that_gives_a_verdict() -> None:
    stage = load_stage("gate")
    assert stage.gives is Verdict
    assert Budget in stage.parameters.values()
