"""What the table of all points says."""

from __future__ import annotations

import pytest
from toy_chain import LimitToy, ToyPlan, load

from compress.cluster.address import ClusterAddress
from compress.cluster.outcome import Failed, Made
from compress.cluster.standing import Standing, Standings
from compress.cluster.table import ROWS, PlainTable, Row, drawn, ended_line, rows_of
from compress.cluster.tasks import tasks_of

TASKS = tasks_of((ToyPlan(), ToyPlan().having(LimitToy(limit=2))), ClusterAddress("auto"), load)
DONE = Made("source", "5", "6", False, 75.0)


def test_a_point_shows_what_is_done_of_it_and_what_runs() -> None:
    rows = rows_of(("a", "b"), TASKS, {0: DONE}, {0: Standing("n1"), 1: Standing("n2", 2, True, 3, 6, "loss 0.1")})
    assert rows == tuple(Row(name, 1, 4, "running", "work 50 % on n2, attempt 2  loss 0.1") for name in "ab")


def test_a_point_that_failed_or_is_done_says_so() -> None:
    ended = {0: DONE, 1: DONE, 2: DONE, 3: DONE, 4: Failed("limit", None, ("bug",), "")}
    rows = rows_of(("a", "b"), TASKS, ended, {})
    assert [(row.state, row.done, row.now) for row in rows] == [("done", 4, ""), ("failed", 2, "limit failed")]


@pytest.mark.parametrize(
    ("number", "outcome", "line"),
    [
        (0, DONE, "source     done in 1 min 15 s  (points 1 and 2 of 2)"),
        (2, Made("limit", "5", "6", True, 1.0), "limit      reused  (point 1 of 2)"),
        (4, Failed("limit", None, ("bug",), ""), "limit      failed  (point 2 of 2)"),
    ],
)
def test_a_line_for_what_has_ended(number: int, outcome: Made | Failed, line: str) -> None:
    assert ended_line(TASKS, number, outcome, 2) == line


def test_plain_lines_come_now_and_then() -> None:
    said: list[str] = []
    now = iter((0.0, 1.0, 16.0, 16.0, 17.0))
    table = PlainTable(said.append, lambda: next(now))
    rows = (Row("a", 4, 4, "done", ""), Row("b", 1, 4, "running", "work on n2"))
    for _ in range(3):
        table.show(rows)
    assert said == ["1 of 2 points done: work on n2"]


def test_of_many_points_those_that_run_are_drawn() -> None:
    rows = [Row(f"p{each}", 4, 4, "done", "") for each in range(ROWS)] + [Row("late", 1, 4, "running", "work")]
    table = drawn(rows)
    assert table.row_count == ROWS and next(table.columns[0].cells) == "late"
    assert table.caption == f"{ROWS} of {ROWS + 1} points done"


def test_a_lost_worker_is_counted_and_its_lines_stay() -> None:
    standings = Standings()
    standings.begin(3, "n1")
    standings.update(3, 1, 2, "x")
    standings.say(3, "hello")
    standings.begin(3, "n2")
    assert standings.all() == {3: Standing("n2", 2, said=("hello",))}
