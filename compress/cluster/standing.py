"""How far every task is: what workers tell, and one process of the cluster keeps until the command asks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Protocol

from compress.flow import StageOutcome
from compress.stage import Progress

TELL_EVERY_S = 1.0


@dataclass(frozen=True)
class Standing:
    """A task that a worker has begun: where, for the how manieth time, and how far it is.

    ``running``: it is really made, not only looked up. ``left``: the worker is done with it, however it ended, and has
    tidied up. ``said``: lines for the user, oldest first.
    """

    node: str
    attempt: int = 1
    running: bool = False
    done: float = 0.0
    total: float = 0.0
    note: str = ""
    said: tuple[str, ...] = ()
    left: bool = False


@dataclass
class Standings:
    """All of them by task number. Lives in a process of the cluster of its own."""

    by_task: dict[int, Standing] = field(default_factory=dict)

    def begin(self, task: int, node: str) -> None:
        """A worker has the task; once more if its last one was lost."""
        before = self.by_task.get(task)
        attempt, said = (1, ()) if before is None else (before.attempt + 1, before.said)
        self.by_task[task] = Standing(node, attempt, said=said)

    def update(self, task: int, done: float, total: float, note: str) -> None:
        """How far it is; 0 of 0 where it does not tell."""
        self.by_task[task] = replace(self.of(task), running=True, done=done, total=total, note=note)

    def leave(self, task: int) -> None:
        """The worker has ended it and tidied up."""
        self.by_task[task] = replace(self.of(task), left=True)

    def say(self, task: int, line: str) -> None:
        """A line for the user."""
        before = self.of(task)
        self.by_task[task] = replace(before, said=(*before.said, line))

    def of(self, task: int) -> Standing:
        """One of them."""
        return self.by_task.get(task, Standing("?"))

    def all(self) -> dict[int, Standing]:
        """All of them."""
        return self.by_task


class Teller(Protocol):
    """A way from the worker to ``Standings``; none of it waits."""

    def update(self, done: float, total: float, note: str) -> None: ...

    def say(self, line: str) -> None: ...


class Telling:
    """The observer, and the progress, of a stage in a worker: tells at most once a second."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller
        self._next = 0.0

    def started(self, stage: str, place: int, count: int) -> Progress:
        self._teller.update(0.0, 0.0, "")
        return self

    def finished(self, outcome: StageOutcome, place: int, count: int) -> None:
        return

    def update(self, done: float, total: float, note: str = "") -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + TELL_EVERY_S
            self._teller.update(done, total, note)

    def say(self, line: str) -> None:
        self._teller.say(line)
