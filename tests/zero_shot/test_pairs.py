from __future__ import annotations

import numpy as np
from known_kernels import photograph

from compress.degradation.kernel import cubic
from compress.zero_shot.pairs import OwnPairs

PICTURE = photograph("coffee")[:101, :122]


def test_pairs_are_the_picture_and_itself_made_smaller() -> None:
    pairs = OwnPairs(PICTURE, cubic(3), 3, 0.0, 0)
    low, high = pairs.pair(0)
    assert (low.shape, high.shape) == ((32, 40, 3), (96, 120, 3))
    np.testing.assert_array_equal(high, PICTURE[:96, :120])
    assert len(pairs) == 1  # nothing is drawn


def test_noise_is_drawn_anew_for_each_and_by_the_seed() -> None:
    one, again, other = (OwnPairs(PICTURE, cubic(2), 2, 0.02, seed) for seed in (0, 0, 50))
    np.testing.assert_array_equal(one.pair(2)[0], again.pair(2)[0])
    assert not np.array_equal(one.pair(0)[0], one.pair(2)[0])
    assert not np.array_equal(one.pair(0)[0], other.pair(0)[0])
    error = one.pair(0)[0].astype(float) - OwnPairs(PICTURE, cubic(2), 2, 0.0, 0).pair(0)[0]
    assert 0.015 < error.std() / 255 < 0.025
