"""PSNR and SSIM against figures worked out by hand and against scikit-image called directly."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from compress.metrics import PSNR_CAP_DB, gtmean_psnr_db, psnr_db, ssim

if TYPE_CHECKING:
    from compress.metrics.full_reference import Picture


def _noise(seed: int, height: int = 24, width: int = 32) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_psnr_by_hand() -> None:
    black, one = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4, 3), np.uint8)
    assert psnr_db(one, black) == pytest.approx(20 * math.log10(255))  # MSE 1
    white = np.full((4, 4, 3), 255, np.uint8)
    assert psnr_db(white, black) == pytest.approx(0.0)
    black[0, 0, 0] = 12  # one of 48 values is 12 off: MSE 3
    assert psnr_db(black, np.zeros_like(black)) == pytest.approx(10 * math.log10(255**2 / 3))


def test_psnr_is_over_all_channels_at_once() -> None:
    truth = np.zeros((4, 4, 3), np.uint8)
    red = truth.copy()
    red[..., 0] = 30  # MSE 300: not the mean of 18.6 dB and two infinities
    assert psnr_db(red, truth) == pytest.approx(10 * math.log10(255**2 / 300))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_psnr_is_scikit_images_and_symmetric(seed: int, other: int) -> None:
    a, b = _noise(seed, 3, 5), _noise(other, 3, 5)
    if seed != other and not np.array_equal(a, b):
        assert psnr_db(a, b) == pytest.approx(peak_signal_noise_ratio(b, a, data_range=255))
        assert psnr_db(a, b) == psnr_db(b, a)


def test_equal_pictures_have_a_figure_that_fits_json() -> None:
    assert json.loads(json.dumps(psnr_db(_noise(0), _noise(0)))) == PSNR_CAP_DB
    assert ssim(_noise(0), _noise(0)) == pytest.approx(1.0)


def test_ssim_is_wangs_11x11_window() -> None:
    a, b = _noise(1), (_noise(1) // 2 + 40).astype(np.uint8)
    kept = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "channel_axis": 2}
    assert ssim(a, b) == pytest.approx(structural_similarity(a / 255, b / 255, data_range=1.0, **kept))
    assert ssim(a, b) == pytest.approx(structural_similarity(a, b, data_range=255, win_size=11, **kept))


def test_ssim_of_flat_pictures_by_hand() -> None:
    dark, light = np.full((16, 16, 3), 51, np.uint8), np.full((16, 16, 3), 102, np.uint8)
    c1, a, b = 0.01**2, 0.2, 0.4  # no variance: only the luminance term is left
    assert ssim(dark, light) == pytest.approx((2 * a * b + c1) / (a * a + b * b + c1))


def test_gtmean_forgives_exposure_only() -> None:
    truth = np.full((16, 16, 3), 100, np.uint8)
    truth[::2] = 50
    half = (truth // 2).astype(np.uint8)
    assert psnr_db(half, truth) < 20 < gtmean_psnr_db(half, truth) == PSNR_CAP_DB
    assert gtmean_psnr_db(_noise(2, 16, 16), truth) < 15
    assert gtmean_psnr_db(np.zeros_like(truth), truth) == pytest.approx(psnr_db(np.zeros_like(truth), truth))


def test_other_shapes_and_types_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        psnr_db(_noise(0), _noise(0, 24, 30))
    with pytest.raises(ValueError, match="uint8"):
        ssim(_noise(0) / 255.0, _noise(0))  # type: ignore[arg-type]
