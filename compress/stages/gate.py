"""Stage ``gate``: what was measured against the target's budgets."""

from __future__ import annotations

from pathlib import Path

from compress.artefacts import Builds, Measurements, Verdict
from compress.records import BuildList, QualityReport, SpeedReport
from compress.report.verdict import Evidence, judge
from compress.schema import Budget, DeviceSpec, UntrainedBudget
from compress.stage import stage


@stage(gives=Verdict, version=1)
def gate(builds: Builds, measurements: Measurements, budget: Budget, device: DeviceSpec, out: Path) -> None:
    """Write ``verdict.json``. A failed budget is a result, not an error: the command turns it into its exit code."""
    evidence = Evidence(
        builds=BuildList.read(builds.folder / "builds.json"),
        quality=QualityReport.read(measurements.folder / "quality.json"),
        speed=SpeedReport.read(measurements.folder / "speed.json"),
        runtime=device.runtime,
        untrained=isinstance(budget, UntrainedBudget),
    )
    judge(budget, evidence).write(out / "verdict.json")
