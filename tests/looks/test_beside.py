from __future__ import annotations

import numpy as np
from reported import truth

from compress.looks.beside import side_by_side


def test_both_are_cut_at_one_place_that_the_first_decides() -> None:
    before = truth(0)
    after = np.arange(before.size, dtype=np.uint32).astype(np.uint8).reshape(before.shape)
    beside = side_by_side(before, after)
    left, gap, right = beside[:, :192], beside[:, 192:200], beside[:, 200:]
    assert left.shape == right.shape == (192, 192, 3) and (gap == 255).all()
    noise = before[60:180, 100:220]
    places = [
        (top, x) for top in range(29) for x in range(109) if np.array_equal(before[top : top + 192, x : x + 192], left)
    ]
    assert places and any(np.array_equal(after[top : top + 192, x : x + 192], right) for top, x in places)
    assert int(left.astype(int).sum()) - 90 * (left.size - noise.size) == int(noise.astype(int).sum())
