"""Maps made by hand give the boxes that were put into them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from compress.detection.decode import MAX_OVERLAP, decode, suppress
from compress.errors import BuildError
from compress.metrics.detection import overlap
from compress.records import BoxMaps

LAYOUT = BoxMaps(classes=("cat", "dog"))
PARTS = 7


def _empty() -> NDArray[np.float32]:
    """Maps of a 64x96 picture in which nothing is found."""
    maps = np.zeros((LAYOUT.channels, 8, 12), np.float32)
    for level in range(3):
        maps[level * PARTS : level * PARTS + 2] = -20
    return maps


def _put(maps: NDArray[np.float32], level: int, place: tuple[int, int], label: int, distances: list[float]) -> None:
    """At ``place`` of a level, repeated as the network repeats it."""
    step, (row, column) = 2**level, place
    here = maps[level * PARTS : (level + 1) * PARTS, row * step : (row + 1) * step, column * step : (column + 1) * step]
    here[label], here[2:6], here[6] = 4, np.reshape(distances, (4, 1, 1)), 4


@pytest.mark.parametrize(
    ("level", "place", "distances", "box"),
    [
        (0, (2, 3), [1, 1, 2, 0.5], (20, 12, 44, 24)),
        (1, (1, 2), [1, 0.5, 1, 1], (24, 16, 56, 40)),
        (2, (0, 1), [1, 0.5, 1, 1], (16, 0, 80, 48)),
        (2, (1, 2), [1, 1, 9, 9], (48, 16, 96, 64)),  # cut at the picture's border
        (0, (0, 0), [-3, 0, 1, 1], (4, 4, 12, 12)),  # a negative distance is none
    ],
)
def test_a_place_says_its_box(
    level: int, place: tuple[int, int], distances: list[float], box: tuple[float, ...]
) -> None:
    maps = _empty()
    _put(maps, level, place, 1, distances)
    found = decode(maps, LAYOUT, 64, 96)
    assert found.labels.tolist() == [1] and found.corners.tolist() == [pytest.approx(box)]
    assert found.scores[0] == pytest.approx(1 / (1 + np.exp(-4)))


def test_of_boxes_that_overlap_the_surest_of_each_class_stays() -> None:
    maps = _empty()
    _put(maps, 0, (3, 3), 0, [2, 2, 2, 2])
    _put(maps, 0, (3, 4), 0, [3, 2, 1, 2])  # the same box, from the place beside it
    maps[0, 3, 4] = 3
    _put(maps, 1, (1, 1), 1, [1, 1, 1, 1])  # of another class
    found = decode(maps, LAYOUT, 64, 96)
    assert sorted(found.labels.tolist()) == [0, 1] and found.scores[0] >= found.scores[1]


def test_no_kept_box_overlaps_a_surer_one() -> None:
    corner = np.random.default_rng(0).uniform(0, 40, (60, 2))
    corners = np.concatenate((corner, corner + 20), 1)
    kept = suppress(corners)
    shared = overlap(corners[kept], corners[kept]) - np.eye(len(kept))
    assert 1 < len(kept) < 60 and shared.max() <= MAX_OVERLAP
    lost = np.setdiff1d(np.arange(60), kept)
    assert all((overlap(corners[[each]], corners[kept[kept < each]]) > MAX_OVERLAP).any() for each in lost)


def test_broken_answers_are_refused() -> None:
    maps = _empty()
    maps[3, 0, 0] = np.nan
    with pytest.raises(BuildError, match="NaN"):
        decode(maps, LAYOUT, 64, 96)
    with pytest.raises(BuildError, match="answers 20 maps, not 21"):
        decode(_empty()[:20], LAYOUT, 64, 96)
