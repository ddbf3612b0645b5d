"""How far a run is, on stderr: a moving bar on a terminal, a plain line now and then elsewhere.

Results go to stdout, so that a pipe gets them alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from compress.ranks import is_follower

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

    from compress.flow import StageOutcome
    from compress.stage import Progress

FIRST_LINE_S = 5.0
LINE_EVERY_S = 15.0


class RunConsole(Protocol):
    """A flow's observer that must be entered before the run and left after it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def started(self, stage: str, place: int, count: int) -> Progress: ...

    def finished(self, outcome: StageOutcome, place: int, count: int) -> None: ...

    def say(self, line: str) -> None: ...


def make_console() -> RunConsole:
    """The bar where stderr is a terminal, else plain lines; silence in all but the first process of torchrun."""
    if is_follower():
        return PlainConsole(lambda line: None)
    return BarConsole() if sys.stderr.isatty() else PlainConsole(to_stderr)


def table_console(width: int = 160) -> Console:
    """Where a command prints its tables: stdout, ``width`` wide in a file, which has no edge to fold them at."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=width)


def show_time(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def show_size(size_bytes: int) -> str:
    """``812 B``, ``12.3 KB``, ``4.0 MB``, in powers of 1000."""
    size, unit = float(size_bytes), "B"
    for larger in ("KB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def outcome_line(outcome: StageOutcome, place: int, count: int) -> str:
    """``[2/8] distill    done in 3 min 20 s``."""
    how = "reused" if outcome.reused else f"done in {show_time(outcome.wall_s)}"
    return f"[{place}/{count}] {outcome.name:<10} {how}"


def to_stderr(line: str) -> None:
    """A line for logs, at once."""
    print(line, file=sys.stderr, flush=True)


class PlainConsole:
    """Lines for logs. A stage that takes longer than a few seconds shows how far it is, with its ETA."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def started(self, stage: str, place: int, count: int) -> Progress:
        return _PlainProgress(f"[{place}/{count}] {stage:<10}", self._write, self._clock)

    def finished(self, outcome: StageOutcome, place: int, count: int) -> None:
        self._write(outcome_line(outcome, place, count))

    def say(self, line: str) -> None:
        self._write(line)


class _PlainProgress:
    """One stage's progress as a line every few seconds."""

    def __init__(self, head: str, write: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._head, self._write, self._clock = head, write, clock
        self._next = clock() + FIRST_LINE_S
        self._first: tuple[float, float] | None = None  # when and where the counting began: a resumed run isn't at 0

    def update(self, done: float, total: float, note: str = "") -> None:
        now = self._clock()
        if self._first is None or done < self._first[1]:
            self._first = (now, done)
        if now < self._next or total <= 0:
            return
        self._next = now + LINE_EVERY_S
        begun, start = self._first
        left = f", {show_time((now - begun) / (done - start) * (total - done))} left" if done > start else ""
        self._write(f"{self._head} {100 * min(done / total, 1):3.0f} %{left}{'  ' + note if note else ''}")

    def say(self, line: str) -> None:
        self._write(f"{self._head} {line}")


class BarConsole:
    """A bar with ETA for the stage under way; finished stages stay above it as lines."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bar: RichProgress = RichProgress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(),
            TextColumn("left"), TimeRemainingColumn(), TextColumn("{task.fields[note]}"),
            console=Console(stderr=True), transient=True, refresh_per_second=4,
        )  # fmt: skip
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop_task()
        self._bar.stop()

    def started(self, stage: str, place: int, count: int) -> Progress:
        self._drop_task()
        self._task = self._bar.add_task(f"[{place}/{count}] {stage}".replace("[", r"\["), total=None, note="")
        return _BarProgress(self._bar, self._task)

    def finished(self, outcome: StageOutcome, place: int, count: int) -> None:
        self._drop_task()
        self.say(outcome_line(outcome, place, count))

    def say(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False)

    def _drop_task(self) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
            self._task = None


class _BarProgress:
    """One stage's progress in the bar."""

    def __init__(self, bar: RichProgress, task: TaskID) -> None:
        self._bar, self._task = bar, task

    def update(self, done: float, total: float, note: str = "") -> None:
        self._bar.update(self._task, completed=done, total=total, note=note.replace("[", r"\["))

    def say(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False)
