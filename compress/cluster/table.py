"""All points in one table on stderr: a live one on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from compress.cluster.outcome import Failed, Made
from compress.cluster.standing import Standing
from compress.cluster.tasks import Tasks
from compress.console import LINE_EVERY_S, show_time, to_stderr

if TYPE_CHECKING:
    from rich.table import Table

ROWS = 30
"""Points shown at once on a terminal; those under way first."""


@dataclass(frozen=True)
class Row:
    """A point in the table. ``state``: ``waiting``, ``running``, ``done`` or ``failed``."""

    point: str
    done: int
    count: int
    state: str
    now: str


def rows_of(
    names: Sequence[str], tasks: Tasks, ended: Mapping[int, Made | Failed], standings: Mapping[int, Standing]
) -> tuple[Row, ...]:
    """One row for each point: how many stages are done, and what is being done."""
    rows = []
    for name, chain in zip(names, tasks.chains, strict=True):
        mine = [each for each in chain if each is not None]
        done = sum(isinstance(ended.get(each), Made) for each in mine)
        broken = next((one for each in mine if isinstance(one := ended.get(each), Failed)), None)
        under_way = [each for each in mine if each not in ended and each in standings]
        now = "; ".join(_now(tasks.all[each].name, standings[each]) for each in under_way)
        state = "running" if under_way else "waiting"
        if broken is not None:
            state, now = "failed", f"{broken.stage} failed"
        elif done == len(mine):
            state = "done"
        rows.append(Row(name, done, len(mine), state, now))
    return tuple(rows)


def _now(stage: str, standing: Standing) -> str:
    share = f" {100 * min(standing.done / standing.total, 1):.0f} %" if standing.total > 0 else ""
    again = f", attempt {standing.attempt}" if standing.attempt > 1 else ""
    note = f"  {standing.note}" if standing.note else ""
    return f"{stage}{share} on {standing.node}{again}{note}"


def ended_line(tasks: Tasks, number: int, outcome: Made | Failed, points: int) -> str:
    """``distill    done in 3 min 20 s  (points 1, 2 and 5 of 6)``."""
    task = tasks.all[number]
    how = "failed"
    if isinstance(outcome, Made):
        how = "reused" if outcome.reused else f"done in {show_time(outcome.wall_s)}"
    mine = [str(each + 1) for each in task.points]
    listed = mine[0] if len(mine) == 1 else f"{', '.join(mine[:-1])} and {mine[-1]}"
    if len(mine) > 8:
        listed = f"{mine[0]}, {mine[1]} and {len(mine) - 2} more"
    return f"{task.name:<10} {how}  (point{'' if len(mine) == 1 else 's'} {listed} of {points})"


class PointsTable(Protocol):
    """Where all points are shown; to be entered before the run and left after it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, rows: Sequence[Row]) -> None: ...

    def say(self, line: str) -> None: ...


def make_table() -> PointsTable:
    """The live table where stderr is a terminal, else plain lines."""
    return LiveTable() if sys.stderr.isatty() else PlainTable(to_stderr)


class PlainTable:
    """Lines for logs: now and then how many points are done, and what runs."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._next = clock() + LINE_EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def show(self, rows: Sequence[Row]) -> None:
        if self._clock() < self._next:
            return
        self._next = self._clock() + LINE_EVERY_S
        running = "; ".join(dict.fromkeys(row.now for row in rows if row.state == "running"))
        done = sum(row.state == "done" for row in rows)
        self._write(f"{done} of {len(rows)} points done{': ' + running if running else ''}")

    def say(self, line: str) -> None:
        self._write(line)


class LiveTable:
    """A table that is drawn anew in its place; lines that are said stay above it."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(console=Console(stderr=True), transient=True, refresh_per_second=4)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, rows: Sequence[Row]) -> None:
        self._live.update(drawn(rows))

    def say(self, line: str) -> None:
        self._live.console.print(line, markup=False, highlight=False)


def drawn(rows: Sequence[Row]) -> Table:
    """The table; of more than ``ROWS`` points those that run, then those that wait."""
    from rich.box import SIMPLE_HEAD
    from rich.markup import escape
    from rich.table import Table

    table = Table("point", "stages", "state", "now", box=SIMPLE_HEAD)
    order = ("running", "failed", "waiting", "done")
    shown = sorted(rows, key=lambda row: order.index(row.state))[:ROWS] if len(rows) > ROWS else rows
    for row in shown:
        table.add_row(escape(row.point), f"{row.done}/{row.count}", row.state, escape(row.now))
    if len(rows) > ROWS:
        done = sum(row.state == "done" for row in rows)
        table.caption = f"{done} of {len(rows)} points done"
    return table
