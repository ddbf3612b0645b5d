"""How long training reads its pictures, and waits for them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from compress.kept import keep
from compress.records import Record

FILE = "reading.json"
"""In a stage's scratch, or in folders there: of each training that it ran."""


class Reading(Record):
    """Of ``steps`` training steps that took ``steps_s`` seconds, what was looked at between them left out.

    ``read_s``: what a thread beside them took to read, decode and cut the pictures, on cores that it may have shared;
    ``waited_s``: what the steps waited for it.
    """

    steps: int
    steps_s: float
    read_s: float
    waited_s: float

    @property
    def read_share(self) -> float:
        """Reading against the steps, 1 and more where it is slower than they are."""
        return self.read_s / max(self.steps_s, 1e-9)

    @property
    def waited_share(self) -> float:
        return self.waited_s / max(self.steps_s, 1e-9)

    def plus(self, other: Reading) -> Reading:
        """Both together."""
        return Reading(
            steps=self.steps + other.steps, steps_s=self.steps_s + other.steps_s,
            read_s=self.read_s + other.read_s, waited_s=self.waited_s + other.waited_s,
        )  # fmt: skip

    @property
    def sentence(self) -> str:
        """For logs and tables."""
        return f"reading {self.read_share:.1%} of a step's time beside it, waiting for it {self.waited_share:.1%}"


NOTHING = Reading(steps=0, steps_s=0.0, read_s=0.0, waited_s=0.0)


@dataclass
class WaitMeter:
    """Counts from its making on. ``before``: what an attempt that this one goes on from had counted."""

    before: Reading = NOTHING
    steps: int = 0
    read_s: float = 0.0
    waited_s: float = 0.0
    apart_s: float = 0.0
    started_s: float = field(default_factory=time.perf_counter)

    @classmethod
    def going_on(cls, folder: Path) -> WaitMeter:
        """After what was written there, if anything was."""
        return cls(_written(folder / FILE) or NOTHING)

    @property
    def share(self) -> float:
        """What was waited, of the time of the steps so far."""
        return self.reading.waited_share

    @property
    def reading(self) -> Reading:
        steps_s = time.perf_counter() - self.started_s - self.apart_s
        own = Reading(steps=self.steps, steps_s=steps_s, read_s=self.read_s, waited_s=self.waited_s)
        return self.before.plus(own)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """What is done inside belongs to no step."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.apart_s += time.perf_counter() - begun

    def write(self, folder: Path) -> None:
        """Leave ``reading`` there, whole or not at all."""
        part = folder / f"{FILE}.part"
        self.reading.write(part)
        keep(part, folder / FILE)


def reading_in(scratch: Path | None) -> Reading | None:
    """What all trainings of a stage came to, None where there was none."""
    found = [] if scratch is None else [_written(file) for file in sorted(scratch.rglob(FILE))]
    total = NOTHING
    for each in found:
        total = total if each is None else total.plus(each)
    return total if total.steps else None


def _written(file: Path) -> Reading | None:
    try:
        return Reading.read(file)
    except (OSError, ValidationError):  # a figure for people; nothing depends on it
        return None
