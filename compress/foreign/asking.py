"""What may be asked of a network from outside while a student learns under it."""

from __future__ import annotations

from collections.abc import Iterator

from compress.schema import Train


def shrunken_asks(train: Train) -> Iterator[str]:
    """A line for each phase that asks about shrunken pictures: our teachers are told so, others would take them for
    whole ones of another scene."""
    for number, phase in enumerate(train.phases):
        if phase.ask and phase.downscale > 1:
            way = "set downscale: 1 there (it is asked at full size, which takes longer), or leave out ask"
            yield f"phases.{number}.ask: a teacher from outside can't be told that pictures are shrunk; {way}"
