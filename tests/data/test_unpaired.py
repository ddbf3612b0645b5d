"""Dark and well-lit pictures of a paired set never meet as pairs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from compress.data.source import PairSource
from compress.data.unpaired import HIGH, LOW, OneSide, UnpairedPlan, parted
from compress.errors import DataError
from compress.schema import Augment, Phase, Train

SIZE = (32, 48)
TRAIN = Train(phases=(Phase(epochs=3, batch=4),), augment=Augment(flip=False, exposure=0.2))


class Numbered(PairSource):
    """Flat pictures whose code says which they are: dark 1 to 12, well-lit 101 to 112; two pairs a scene.

    ``hidden``: sides by place that can't be looked at.
    """

    def __init__(self, hidden: frozenset[tuple[int, int]] = frozenset()) -> None:
        self.names = tuple(f"pair-{k}" for k in range(12))
        self.scenes = tuple(f"scene-{k // 2}" for k in range(12))
        self.hidden = hidden

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        codes = [255 if (index, side) in self.hidden else first + index for side, first in ((LOW, 1), (HIGH, 101))]
        low, high = (np.full((*SIZE, 3), code, np.uint8) for code in codes)
        return low, high


def _codes(pictures: torch.Tensor) -> list[int]:
    return [round(255 * float(value)) for value in pictures[:, 0, 0, 0]]


def _plan(source: PairSource, disjoint: bool, seed: int = 0, exposure: float = 0.0) -> UnpairedPlan:
    augment = TRAIN.augment.model_copy(update={"exposure": exposure})
    return UnpairedPlan(parted(source, seed, disjoint, 0.5), TRAIN.model_copy(update={"augment": augment}), seed)


@pytest.mark.parametrize("seed", range(5))
def test_halves_share_no_scene_and_lose_none(seed: int) -> None:
    dark, bright = parted(Numbered(), seed, True, 0.5)
    assert not set(dark.scenes) & set(bright.scenes)
    assert sorted((*dark.names, *bright.names)) == sorted(Numbered().names)
    assert len(dark) == len(bright) == 6


@pytest.mark.parametrize(("share", "dark"), [(0.34, 4), (0.0, 2), (1.0, 10)])
def test_a_share_of_the_scenes_is_dark_and_each_heap_has_one(share: float, dark: int) -> None:
    heaps = parted(Numbered(), 0, True, share)
    assert [len(heap) for heap in heaps] == [dark, 12 - dark]


def test_the_other_pictures_of_pairs_are_never_seen() -> None:
    """White in the place of every picture that must not be used changes no batch."""
    dark, bright = parted(Numbered(), 0, True, 0.5)
    places = {name: k for k, name in enumerate(Numbered().names)}
    unused = {(places[name], HIGH) for name in dark.names} | {(places[name], LOW) for name in bright.names}
    one, other = (_plan(source, True) for source in (Numbered(), Numbered(frozenset(unused))))
    for step in range(one.steps):
        assert torch.equal(one.batch(step).dark, other.batch(step).dark)
        assert torch.equal(one.batch(step).bright, other.batch(step).bright)
    used = _plan(Numbered(frozenset({(places[dark.names[0]], LOW)})), True)
    assert any(not torch.equal(one.batch(step).dark, used.batch(step).dark) for step in range(one.steps))


def test_without_halves_each_side_is_shuffled_by_itself() -> None:
    plan = _plan(Numbered(), False)
    lows, highs = [], []
    for step in range(plan.steps):
        batch = plan.batch(step)
        lows += _codes(batch.dark)
        highs += [code - 100 for code in _codes(batch.bright)]
    assert sorted(lows) == sorted(highs) == sorted(3 * list(range(1, 13)))
    assert sum(low == high for low, high in zip(lows, highs, strict=True)) < len(lows) // 3


def test_a_step_has_the_same_batch_whenever_it_is_asked() -> None:
    one, again, other = _plan(Numbered(), True), _plan(Numbered(), True), _plan(Numbered(), True, seed=1)
    assert torch.equal(one.batch(2).bright, again.batch(2).bright)
    assert one.steps == 4 and not torch.equal(one.batch(2).dark, other.batch(2).dark)


def test_only_dark_pictures_are_varied_in_exposure() -> None:
    batch = _plan(Numbered(), False, exposure=0.5).batch(0)
    assert set(_codes(batch.bright)) <= set(range(101, 113))
    plain = _plan(Numbered(), False).batch(0)
    assert not torch.allclose(batch.dark, plain.dark)


def test_there_may_be_fewer_of_one_side() -> None:
    source = Numbered()
    sides = (OneSide(source, tuple(range(10)), LOW), OneSide(source, (10, 11), HIGH))
    plan = UnpairedPlan(sides, TRAIN, 0)
    last = plan.batch(plan.steps - 1)
    assert last.dark.shape[0] == 4 and last.bright.shape[0] == 2


def test_one_scene_has_no_other_half() -> None:
    one = OneSide(Numbered(), (0, 1), LOW)
    with pytest.raises(DataError, match="one scene can't be parted"):
        parted(one, 0, True, 0.5)
    assert len(parted(one, 0, False, 0.5)[0]) == 2
