from __future__ import annotations

import numpy as np
import pytest
from known_kernels import KNOWN, PHOTOGRAPHS, given, known_kernel

from compress.degradation.estimate import estimate
from compress.degradation.kernel import centre_shift_px, cubic, gaussian, kernel_psnr_db
from compress.errors import DataError

ISOTROPIC_PX = (0.4, 0.5, 0.6, 0.7)
"""In pixels of the small picture; the best of them on average is the guess to beat, which no camera would tell."""


@pytest.mark.parametrize(("scale", "noise", "margin_db"), [(2, 0.0, 4), (2, 0.01, 4), (3, 0.0, 2), (4, 0.0, 0)])
def test_known_kernels_are_found_better_than_guessed(scale: int, noise: float, margin_db: float) -> None:
    found, guessed = [], []
    for place in range(0, len(KNOWN), 2):
        true = known_kernel(place, scale)
        for name in PHOTOGRAPHS[:2]:
            taps = estimate([given(name, true, scale, noise)], seed=0, restarts=0).blur.taps(scale)
            found.append(kernel_psnr_db(taps, true))
            assert centre_shift_px(taps, true) < 0.05
        guesses = [gaussian(scale, (px * scale) ** 2 * np.eye(2)) for px in ISOTROPIC_PX]
        guessed.append([kernel_psnr_db(guess, true) for guess in (cubic(scale), *guesses)])
    assert np.mean(found) > np.mean(guessed, axis=0).max() + margin_db


def test_several_frames_of_a_camera_give_one_kernel_and_less_doubt() -> None:
    true = known_kernel(3, 2)
    pictures = [given(name, true, 2) for name in PHOTOGRAPHS[:3]]
    together, alone = estimate(pictures, seed=0), estimate(pictures[:1], seed=0)
    assert kernel_psnr_db(together.blur.taps(2), true) > 25
    assert 0 < together.uncertainty(2).max() < alone.uncertainty(2).max()


def test_the_same_seed_draws_the_same() -> None:
    picture = given("coffee", known_kernel(1, 2), 2)
    one, again, other = (estimate([picture], seed=seed, restarts=3) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.uncertainty(2), again.uncertainty(2))
    assert not np.array_equal(one.uncertainty(2), other.uncertainty(2))
    np.testing.assert_array_equal(one.blur.covariance, other.blur.covariance)


def test_too_small_a_picture_is_refused() -> None:
    with pytest.raises(DataError, match="64x64"):
        estimate([np.zeros((63, 90, 3), np.uint8)], seed=0)
