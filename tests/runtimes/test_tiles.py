"""Tiles: each pixel once, the halo kept, and nothing to see where a function is local within the halo."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.runtimes.tiles import spans, tile_count, tiled


@given(st.integers(16, 300), st.integers(8, 64), st.integers(0, 20))
def test_tiles_give_each_pixel_once_and_keep_their_halo(side: int, tile: int, halo: int) -> None:
    if not 2 * halo < tile <= side:
        with pytest.raises(ValueError, match="tiles of"):
            spans(side, tile, halo)
        return
    found = spans(side, tile, halo)
    assert found[0].first == 0 and found[-1].last == side
    assert all(a.last == b.first for a, b in zip(found, found[1:], strict=False))
    for place, each in enumerate(found):
        assert 0 <= each.start <= each.first < each.last <= each.start + tile <= side
        assert place == 0 or each.first - each.start >= halo
        assert place == len(found) - 1 or each.start + tile - each.last >= halo


def test_tiles_are_counted_as_they_are_run() -> None:
    dark = np.random.default_rng(0).integers(0, 120, (70, 100, 3)).astype(np.uint8)
    shapes: list[tuple[int, ...]] = []
    made = tiled(lambda piece: (shapes.append(piece.shape), 255 - piece)[1], dark, (32, 48), 4)
    assert np.array_equal(made, 255 - dark) and set(shapes) == {(32, 48, 3)}
    assert len(shapes) == tile_count(70, 100, (32, 48), 4) == 9
    assert tile_count(32, 48, (32, 48), 4) == 1
