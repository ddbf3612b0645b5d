from __future__ import annotations

import numpy as np
import pytest
from known_kernels import photograph
from PIL import Image

from compress.degradation.kernel import (
    centre,
    centre_shift_px,
    cubic,
    gaussian,
    kernel_psnr_db,
    middle,
    oriented,
    shrunk,
    side,
)
from compress.models.enhance import to_picture, to_tensor


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_shrinking_by_the_cubic_kernel_is_what_pillow_does(scale: int) -> None:
    picture = photograph("coffee") // 2 + 64  # Pillow also clips between its two passes
    height, width = (each // scale for each in picture.shape[:2])
    mine = to_picture(shrunk(to_tensor(picture), cubic(scale), scale))
    theirs = np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))
    away = np.abs(mine.astype(int) - theirs.astype(int))[4:-4, 4:-4]
    assert away.max() <= 1  # and rounds there


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_gaussian_moves_nothing_and_sums_to_one(scale: int) -> None:
    taps = oriented(scale, 0.8 * scale, 0.4 * scale, 30)
    assert taps.shape == (side(scale), side(scale))
    assert taps.sum() == pytest.approx(1)
    assert taps.min() == 0  # what is far below the peak is nothing
    assert centre(taps) == pytest.approx((middle(scale), middle(scale)), abs=5e-3)


def test_degrees_turn_from_the_rows() -> None:
    lying, standing = oriented(2, 2.0, 0.6, 0), oriented(2, 2.0, 0.6, 90)
    assert lying.sum(0).std() < lying.sum(1).std()
    np.testing.assert_allclose(standing, lying.T, atol=1e-12)


def test_kernels_are_compared_by_peak_and_place() -> None:
    true = gaussian(2, np.eye(2))
    assert kernel_psnr_db(true, true) == np.inf
    moved = np.roll(true, 1, axis=0)
    assert centre_shift_px(moved, true) == pytest.approx(1)
    worse, better = (kernel_psnr_db(gaussian(2, factor * np.eye(2)), true) for factor in (2.0, 1.2))
    assert worse < better
