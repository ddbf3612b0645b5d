"""The simulated schedule: shared work once, a board's jobs in turn, and what holds the points up."""

from __future__ import annotations

from pathlib import Path

import many_points
import pytest
from many_points import simulate

from compress.cluster.needs import Needs
from compress.cluster.tasks import Task

HOUR = 3600.0
TIMES = {"distill": 2 * HOUR, "validate": HOUR}


def _task(name: str, before: dict[int, int], board: str | None = None, points: tuple[int, ...] = (0,)) -> Task:
    return Task(name, 0, 0, before, Needs(0 if board else 1, 0.0, board), points)


def _points(count: int, boards: int) -> list[Task]:
    """One distillation that all share, and for each point its measurement, on the boards in turn."""
    measured = [_task("validate", {0: 0}, f"board:{number % boards}") for number in range(count)]
    return [_task("distill", {}, points=tuple(range(count))), *measured]


def test_a_board_runs_one_job_at_a_time_and_several_side_by_side() -> None:
    one, four = (simulate(_points(4, boards), TIMES, cpus=1) for boards in (1, 4))
    assert (one.makespan_h, four.makespan_h) == (6.0, 3.0)
    assert one.busy == pytest.approx({"boards": 4 / 6, "processors": 2 / 6}) and one.bottleneck == "boards"
    assert four.longest_chain_h == 3.0 and four.bottleneck == "the longest chain"


def test_processors_that_are_too_few_hold_the_points_up() -> None:
    tasks = [_task("distill", {}) for _ in range(6)]
    assert [simulate(tasks, TIMES, cpus).makespan_h for cpus in (1, 2, 6, 12)] == [12.0, 6.0, 2.0, 2.0]
    assert simulate(tasks, TIMES, 2).bottleneck == "processors"


def test_what_more_points_wait_for_goes_first() -> None:
    alone, shared = _task("distill", {}), _task("distill", {}, points=(0, 1, 2))
    blocker = _task("distill", {})
    tasks = [blocker, alone, shared, _task("validate", {0: 2}, "board:a")]
    assert simulate(tasks, TIMES, 1).makespan_h == 6.0  # 2 blocker, 2 shared, 2 alone beside the measurement


def test_real_plans_share_their_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = {"teacher": 1, "distill": 600, "prune": 60, "quantize": 60, "export": 5, "validate": 30, "gate": 0}
    times = [f"--time={name}={seconds}" for name, seconds in known.items()]
    words = ["--store", str(tmp_path), "--boards", "3", "--seeds", "2", "--cpus", "4", *times]
    assert many_points.main(words) == 0
    out = capsys.readouterr().out
    assert "6 points on 3 boards are 25 tasks: 1 x teacher of 1 s, 2 x distill of 600 s" in out
    assert "6 x validate of 30 s" in out and "| 4 | 0.2" in out


def test_a_stage_without_a_time_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert many_points.main(["--store", str(tmp_path), "--boards", "1", "--seeds", "1"]) == 2
    assert "error: no time of distill, export, gate" in capsys.readouterr().err
