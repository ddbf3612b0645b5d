"""The reconstructed cumulative index: its parts by hand, its sums, and what it does not depend on."""

from __future__ import annotations

import math
from dataclasses import astuple, replace

import numpy as np
import pytest

from compress.metrics.cumulative import (
    PUBLISHED_GAINS,
    Indices,
    cumulative_changes,
    gain_over,
    indices_of,
    mean_of,
)

DARK = Indices(entropy=4.0, luminance=15.0, contrast=10.0, gradient=1.0, psnr_db=8.0, ssim=0.2)
GOOD = Indices(entropy=7.0, luminance=115.0, contrast=50.0, gradient=5.0, psnr_db=20.0, ssim=0.8)
HALF = Indices(*((a + b) / 2 for a, b in zip(astuple(DARK), astuple(GOOD), strict=True)))


def test_the_indices_of_a_picture_that_is_known() -> None:
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[:, 8:] = 200
    found = indices_of(picture, picture)
    assert found.entropy == pytest.approx(1.0) and found.luminance == pytest.approx(100.0)
    assert found.contrast == pytest.approx(100.0)
    assert found.gradient == pytest.approx(200.0 / math.sqrt(2) / 15)  # one step among fifteen across
    assert found.ssim == pytest.approx(1.0)
    assert indices_of(picture, picture // 2).psnr_db < found.psnr_db


def test_the_best_in_all_changes_by_the_number_of_indices_and_half_way_by_half() -> None:
    changes = cumulative_changes({"input": DARK, "half": HALF, "good": GOOD}, "input")
    assert changes == pytest.approx({"input": 0.0, "half": 3.0, "good": 6.0})
    assert gain_over(changes, "good", "half") == pytest.approx(1.0)
    assert gain_over(changes, "half", "good") == pytest.approx(-0.5)
    assert math.isnan(gain_over(changes, "good", "input"))


def test_units_don_t_matter_and_a_fall_counts_as_much_as_a_rise() -> None:
    methods = {"input": HALF, "up": GOOD, "down": DARK}
    first = cumulative_changes(methods, "input")
    assert first["up"] == pytest.approx(first["down"]) == pytest.approx(3.0)
    scaled = {name: replace(each, entropy=each.entropy * 9 + 1) for name, each in methods.items()}
    assert cumulative_changes(scaled, "input") == pytest.approx(first)


def test_an_index_that_all_share_says_nothing() -> None:
    same = {"input": DARK, "good": replace(GOOD, ssim=DARK.ssim)}
    assert cumulative_changes(same, "input")["good"] == pytest.approx(5.0)


def test_of_pictures_the_mean_is_taken() -> None:
    assert mean_of([DARK, GOOD]) == HALF
    assert PUBLISHED_GAINS == (0.4221, 0.0747, 0.3018)
