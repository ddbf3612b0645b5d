"""What ``compress search`` may vary, and how much work it may take."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, JsonValue, Tag, field_validator, model_validator

from compress.schema.section import PositiveInt, Section, Weight

Number = int | float


class Range(Section):
    """All numbers from ``low`` to ``high``; whole ones where both ends are."""

    low: Number
    high: Number
    step: Number | None = Field(None, gt=0, description="none: any number, of whole ones each")
    log: bool = Field(False, description="drawn by magnitude, for learning rates")

    @model_validator(mode="after")
    def _has_room(self) -> Range:
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} should be below high {self.high:g}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0, and no step")
        if self.step is not None and abs(self._steps - round(self._steps)) > 1e-6:  # noqa: PLR2004
            raise ValueError(f"step {self.step:g} does not lead from low {self.low:g} to high {self.high:g}")
        return self

    @property
    def _steps(self) -> float:
        return (self.high - self.low) / (self.step or 1)

    def listed(self) -> tuple[Number, ...] | None:
        """All of its numbers, rising, where they are steps; None for any number between two ends."""
        if self.log or (self.step is None and not self.whole):
            return None
        step = self.step or 1
        return tuple(round(self.low + place * step, 9) for place in range(round(self._steps) + 1))

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return all(isinstance(each, int) for each in (self.low, self.high, self.step or 1))


def _kind(value: Any) -> str:
    return "range" if isinstance(value, dict | Range) else "list"


Values = Annotated[
    Annotated[tuple[JsonValue, ...], Tag("list"), Field(min_length=1)] | Annotated[Range, Tag("range")],
    Discriminator(_kind),
]
"""A list of what a setting may be, or a range of numbers."""


class SearchSpec(Section):
    """A search for the best student under the target's budgets. No stage reads it."""

    space: dict[str, Values] = Field({}, description="by dotted key of the recipe: a list of values, or low and high")
    bits: tuple[str, ...] = Field(
        (), description="layers that are int8 or float each by itself, or of 16 bits where the target has such layers"
    )
    trials: PositiveInt = Field(20, description="candidates that are looked at, those over budget included")
    timeout_min: float | None = Field(None, gt=0, description="no candidate is begun after so many minutes of a run")
    seed: int = Field(0, ge=0, description="of the sampler; the networks' own is the recipe's seed")
    train_shares: tuple[float, ...] = Field(
        (0.1, 0.3), min_length=1, description="share of every phase's epochs in each round of training, rising"
    )
    clearly_worse_db: Weight = Field(
        0.1, description="a candidate is given up between rounds only if so far below the best after that round"
    )
    full: int = Field(1, ge=0, description="how many of the best are then trained in full, to verdict and bundle")
    timed_rounds: PositiveInt = Field(60, description="timed runs of each candidate, in turn with the recipe's own")

    @field_validator("train_shares")
    @classmethod
    def _rise(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if any(not 0 < share <= 1 for share in shares) or list(shares) != sorted(set(shares)):
            raise ValueError("should be rising shares above 0, at most 1")
        return shares
