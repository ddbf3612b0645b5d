"""What the table makes of measured seconds, and when the command fails."""

from __future__ import annotations

from pathlib import Path

import pytest
import scaling
from scaling_bench.records import Commands, Points, ScalingFile, Training


def _found(same: bool = True) -> ScalingFile:
    return ScalingFile(
        command="python benchmarks/scaling.py", commit="c0ffee", machine="a processor", cores=2, load=0.1, steps=50,
        points=6,
        trainings=(
            Training(processes=1, threads=1, wall_s=(10.0, 30.0, 12.0)),
            Training(processes=2, threads=1, wall_s=(8.0, 7.5, 7.0)),
        ),
        commands=(Commands(count=1, wall_s=(90.0,)), Commands(count=2, wall_s=(50.0,))),
        runs=(
            Points(workers=1, killed=False, wall_s=(100.0,), same=True),
            Points(workers=2, killed=True, wall_s=(80.0,), same=same),
        ),
    )  # fmt: skip


def test_efficiency_is_of_medians_against_one() -> None:
    rows = scaling.table(_found()).splitlines()
    assert rows[2].endswith("| 12.0 | 1.00 | 100% |")
    assert rows[3].endswith("| 7.5 | 1.60 | 80% |")
    assert rows[5] == "| 6 points, no cluster, 2 command(s) side by side | 50.0 | 1.80 | 90% |"
    assert rows[7] == "| 6 points, 2 worker(s), one killed in the middle, same digests | 80.0 | 1.25 | 62% |"
    assert rows[-1] == "50 steps a training, 6 points; a processor, 2 cores, load 0.1 before it, commit c0ffee."


@pytest.mark.parametrize(("same", "code"), [(True, 0), (False, 1)])
def test_other_digests_fail_it(
    same: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = _found(same)
    monkeypatch.setattr(scaling, "trainings", lambda options, folder: (found.trainings, found.steps))
    monkeypatch.setattr(scaling, "commands", lambda options, folder: found.commands)
    monkeypatch.setattr(scaling, "clusters", lambda options, folder: (found.runs, found.steps))
    assert scaling.main(["--json", str(tmp_path / "scaling.json")]) == code
    assert ("OTHER digests" in capsys.readouterr().out) is not same
    assert ScalingFile.read(tmp_path / "scaling.json").runs == found.runs
