from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from compress.bundle.golden import read_png
from compress.data.source import PairSource
from compress.looks.given import Way, look_at_given
from compress.looks.records import Shown, read_looks

LOW = (24, 32)


class _Frames(PairSource):
    """Nine frames with their detail at the bottom right."""

    names = tuple(f"f{number}" for number in range(9))
    scenes = names

    def pair(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        frame = np.full((2 * LOW[0], 2 * LOW[1], 3), index, np.uint8)
        frame[LOW[0] :, LOW[1] :] = np.random.default_rng(index).integers(0, 255, (*LOW, 3), dtype=np.uint8)
        return np.ascontiguousarray(frame[::2, ::2]), frame


def ways(asked: list[NDArray[np.uint8]]) -> list[Way]:
    def twice(given: NDArray[np.uint8]) -> NDArray[np.uint8]:
        asked.append(given)
        return given.repeat(2, 0).repeat(2, 1)

    shown = Shown(kind="input", variant="input", through="none", origin="measured")
    return [Way(shown, twice), Way(shown.model_copy(update={"kind": "int8"}), lambda given: 255 - twice(given))]


@pytest.mark.parametrize(("count", "looked"), [(9, 6), (2, 2)])
def test_some_frames_are_enlarged_where_they_have_most_detail(count: int, looked: int, tmp_path: Path) -> None:
    asked: list[NDArray[np.uint8]] = []
    look_at_given(_Frames(), count, ways(asked), tmp_path)
    looks = read_looks(tmp_path / "given" / "looks")
    assert looks is not None and len(looks.looks) == looked and len(asked) == 2 * looked
    frame = _Frames().pair(0)[1]
    np.testing.assert_array_equal(asked[0], frame[LOW[0] :, LOW[1] :])
    before, after = (read_png(tmp_path / "given" / "looks" / crop.file) for crop in looks.looks[0].crops)
    np.testing.assert_array_equal(after, 255 - before)
    assert before.shape == (2 * LOW[0], 2 * LOW[1], 3) and looks.looks[0].file("truth") is None
