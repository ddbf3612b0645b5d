"""The stage around the rules: files in, ``verdict.json`` out."""

from __future__ import annotations

from pathlib import Path

from compress.artefacts import Builds, Measurements, Verdict
from compress.records import BuildList, QualityReport, SpeedReport, VerdictRecord
from compress.schema import Budget, DeviceSpec
from compress.stages import load_stage


def run_gate(folder: Path, budget: Budget) -> VerdictRecord:
    out = folder / "out"
    out.mkdir()
    BuildList(builds=()).write(folder / "builds.json")
    QualityReport(definition="", decoder="", data_digest="", data_kind="embedded", images=(), rows=()).write(
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


def test_is_a_stage_that_gives_a_verdict() -> None:
    stage = load_stage("gate")
    assert stage.gives is Verdict
    assert Budget in stage.parameters.values()
