"""What a measurement wants of its board. The runner holds a board to it (``runner.conditions``)."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

from compress.records import Record


class Wanted(Record):
    """A fact of the runner's fingerprint, and what it must be: ``10.3`` is met by 10.3 and by 10.3.0, not by 10.30.

    ``among``: the fact is a list of words, and ``value`` must be one of them.
    """

    model_config = ConfigDict(strict=True)

    fact: str = Field(min_length=1, description="name of a fact in the fingerprint, like power_mode")
    value: str = Field(min_length=1)
    among: bool = Field(False, description="one word of several: an instruction set")
    source: str = Field("", description="who says so")


class Conditions(Record):
    """Under which a board's figures count. What is not met makes them incomplete; nothing is asked by default.

    Only ``setup`` changes anything on a board.
    """

    model_config = ConfigDict(strict=True)

    pins: tuple[Wanted, ...] = Field((), description="power mode, governors, clocks: before the timing and after it")
    sdk: tuple[Wanted, ...] = Field(
        (), description="versions of runtimes and drivers; what others answer is not measured"
    )
    steady: tuple[str, ...] = Field((), description="facts that may not change while it is timed, like throttled_times")
    cooling: str | None = Field(None, description="what cools the board, in words")
    start_below_c: float | None = Field(None, description="hottest thermal zone at the start of the timing, at most")
    cool_wait_s: Annotated[float, Field(ge=0)] = Field(300.0, description="how long to wait for that")
    setup: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = Field(
        (), description="commands that set the board right, each a list of words, run without a shell"
    )


NO_CONDITIONS = Conditions()
