"""Dark and well-lit pictures of a paired set as if nobody had paired them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from compress.data.batches import Batch, BatchPlan, Schedule
from compress.data.source import PairSource
from compress.errors import DataError
from compress.schema import Train

if TYPE_CHECKING:
    from compress.data.source import Pair

LOW, HIGH = 0, 1
"""Sides of a pair."""

_OTHER_SEED = 1_000_003
"""Added to the seed for the well-lit pictures, so that both sides are shuffled and cut each by itself."""


class OneSide(PairSource):
    """One side of some pairs of another source, on both sides."""

    def __init__(self, source: PairSource, places: tuple[int, ...], side: int) -> None:
        self.names, self.scenes = (tuple(each[k] for k in places) for each in (source.names, source.scenes))
        self._source, self._places, self._side = source, places, side

    def pair(self, index: int) -> Pair:
        picture = self._source.pair(self._places[index])[self._side]
        return picture, picture


def parted(source: PairSource, seed: int, disjoint: bool, dark_share: float) -> tuple[OneSide, OneSide]:
    """Dark and well-lit pictures.

    ``disjoint``: dark ones of ``dark_share`` of the scenes, well-lit ones of the others, so that of no pair both are
    looked at; else all of both. Raises DataError for a single scene, of which there are no others.
    """
    everything = tuple(range(len(source)))
    if not disjoint:
        return OneSide(source, everything, LOW), OneSide(source, everything, HIGH)
    scenes = tuple(dict.fromkeys(source.scenes))
    if len(scenes) < 2:
        raise DataError("one scene can't be parted: give more training scenes, or unpaired.disjoint=false")
    order = np.random.default_rng((seed, 3)).permutation(len(scenes))
    dark = {scenes[k] for k in order[: min(max(1, int(dark_share * len(scenes))), len(scenes) - 1)]}
    sides = [tuple(k for k in everything if (source.scenes[k] in dark) == (side == LOW)) for side in (LOW, HIGH)]
    return OneSide(source, sides[LOW], LOW), OneSide(source, sides[HIGH], HIGH)


class UnpairedPlan(Schedule):
    """Batches whose ``bright`` are other pictures than ``dark``, shuffled, cut and mirrored by themselves.

    An epoch counts the dark pictures. The well-lit ones are never varied in exposure.
    """

    def __init__(self, sides: tuple[OneSide, OneSide], train: Train, seed: int) -> None:
        dark, bright = sides
        super().__init__(dark, train.phases, train.augment, seed)
        self._dark = BatchPlan(dark, train.phases, train.augment, seed)
        phases = tuple(
            phase.model_copy(update={"epochs": steps * min(phase.batch, len(bright)) / len(bright)})
            for phase, steps in zip(train.phases, self.steps_of, strict=True)
        )
        plain = train.augment.model_copy(update={"exposure": 0.0})
        self._bright = BatchPlan(bright, phases, plain, seed + _OTHER_SEED)

    def batch(self, step: int) -> Batch:
        """The batch of ``step``. Raises DataError for pictures that are too small for its phase."""
        return replace(self._dark.batch(step), bright=self._bright.batch(step).dark)
