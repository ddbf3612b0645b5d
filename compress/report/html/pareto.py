"""dB against what they cost, as the geometry of two scatter plots: this run's networks among those of earlier runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compress.report.axes import round_step, round_values, staircase
from compress.report.rows import Results, SummaryRow, summary_rows
from compress.report.subject import Earlier

WIDTH, HEIGHT = 360, 260
LEFT, RIGHT, TOP, BOTTOM = 42, 14, 12, 34
_FEWEST_TICKS = 3


@dataclass(frozen=True)
class Dot:
    """A network. ``number``: its place in the legend; ``earlier``: the run it is of, empty for this one."""

    number: int
    row: SummaryRow
    cost: float
    psnr_db: float
    origin: str
    x: float
    y: float
    earlier: str = ""


@dataclass(frozen=True)
class Tick:
    """A line of the grid: its place in the drawing and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Plot:
    """One scatter plot; ``front``: the path along the networks that no other beats in both."""

    name: str
    unit: str
    dots: tuple[Dot, ...]
    across: tuple[Tick, ...]
    upward: tuple[Tick, ...]
    front: str
    note: str


@dataclass(frozen=True)
class _Found:
    number: int
    row: SummaryRow
    cost: float
    psnr_db: float
    origin: str
    earlier: str


def plots(results: Results, runs: Sequence[Earlier] | None) -> tuple[Plot, ...]:
    """PSNR against p50 and against parameters; a plot without two networks is left out. ``runs``: None if not known."""
    own = _networks(summary_rows(results))
    earlier = runs or ()
    near = [run for run in earlier if run.device == results.speed.device]
    timed = f"{_runs(len(near))}, each timed in a session of its own"
    timed += f"; {_runs(len(earlier) - len(near))} on other devices left out" if len(near) < len(earlier) else ""
    by_size, by_time = ("", "") if runs is None else (_runs(len(earlier)), timed)
    made = (
        _plot("latency", "ms (p50)", own, near, lambda row: row.p50_ms, _speed_origin, by_time),
        _plot("parameters", "parameters", own, earlier, lambda row: row.params, _count_origin, by_size),
    )
    return tuple(plot for plot in made if plot is not None)


def _runs(count: int) -> str:
    return f"{count} earlier run{'' if count == 1 else 's'} of the same pictures"


def _networks(rows: Sequence[SummaryRow]) -> list[SummaryRow]:
    """The first row of each variant: what the device runs."""
    return list({row.variant: row for row in reversed(rows) if row.variant != "input"}.values())[::-1]


def _speed_origin(row: SummaryRow) -> str:
    return f"dB {row.quality_origin}, ms {row.speed_origin}"


def _count_origin(row: SummaryRow) -> str:
    return f"dB {row.quality_origin}, parameters counted"


def _plot(
    name: str, unit: str, own: list[SummaryRow], earlier: Sequence[Earlier],
    cost: Callable[[SummaryRow], float | None], origin: Callable[[SummaryRow], str], note: str,
) -> Plot | None:  # fmt: skip
    numbers = {row.variant: number for number, row in enumerate(own, start=1)}
    runs = [*((run.name, _networks(run.rows)) for run in earlier), ("", own)]
    found = [
        _Found(numbers[row.variant], row, spent, row.psnr_db, origin(row), run)
        for run, rows in runs for row in rows
        if row.variant in numbers and (spent := cost(row)) is not None and spent > 0
        and row.psnr_db is not None and math.isfinite(row.psnr_db)
    ]  # fmt: skip
    if len({(each.cost, each.psnr_db) for each in found if not each.earlier}) < 2:  # noqa: PLR2004
        return None
    across, upward = _log_scale([each.cost for each in found]), _scale([each.psnr_db for each in found])
    dots = tuple(
        Dot(each.number, each.row, each.cost, each.psnr_db, each.origin, across.place(math.log10(each.cost)),
            upward.place(each.psnr_db), each.earlier)
        for each in found
    )  # fmt: skip
    return Plot(name, unit, dots, across.ticks, upward.ticks, _front(dots), note)


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float
    start: float
    end: float
    texts: tuple[tuple[float, str], ...]

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 2)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        return tuple(Tick(self.place(value), text) for value, text in self.texts if self.low <= value <= self.high)


def _log_scale(values: Sequence[float]) -> _Scale:
    low, high = math.log10(min(values)) - 0.06, math.log10(max(values)) + 0.06
    steps = [
        (math.log10(step * 10.0**power), _short(step * 10.0**power))
        for power in range(math.floor(low), math.ceil(high) + 1) for step in (1, 2, 5)
    ]  # fmt: skip
    return _Scale(low, high, LEFT, WIDTH - RIGHT, tuple(steps))


def _scale(values: Sequence[float]) -> _Scale:
    margin = (max(values) - min(values)) * 0.08 or 0.5
    low, high = min(values) - margin, max(values) + margin
    step = round_step(low, high, _FEWEST_TICKS)
    digits = max(0, -math.floor(math.log10(step)) + (step * 10 ** -math.floor(math.log10(step)) % 1 > 0))
    texts = tuple((value, f"{value:.{digits}f}") for value in round_values(low, high, step))
    return _Scale(low, high, HEIGHT - BOTTOM, TOP, texts)


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _front(dots: Sequence[Dot]) -> str:
    best, front = -math.inf, []
    for dot in sorted(dots, key=lambda dot: (dot.cost, -dot.psnr_db)):
        if dot.psnr_db > best:
            front.append((dot.x, dot.y))
            best = dot.psnr_db
    return staircase(front)
