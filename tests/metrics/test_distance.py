"""What int8 costs where nothing was trained: by the truth, and by the float answer."""

from __future__ import annotations

import math

import numpy as np
import pytest

from compress.metrics import PSNR_CAP_DB, psnr_db
from compress.metrics.distance import distance_db, untrained_loss_db


def test_it_is_what_an_independent_error_costs() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(100, 150, (200, 300, 3)).astype(np.uint8)
    floating = np.clip(truth + rng.normal(0, 12, truth.shape).round(), 0, 255).astype(np.uint8)
    int8 = np.clip(floating + rng.normal(0, 6, truth.shape).round(), 0, 255).astype(np.uint8)
    drop = psnr_db(floating, truth) - psnr_db(int8, truth)
    found = distance_db(psnr_db(int8, floating), psnr_db(floating, truth))
    assert found == pytest.approx(drop, abs=0.02) and found == pytest.approx(10 * math.log10(1 + 0.25), abs=0.02)


@pytest.mark.parametrize(("to_float_db", "distance"), [(20.0, 3.0103), (30.0, 0.4139), (PSNR_CAP_DB, 0.0)])
def test_by_hand(to_float_db: float, distance: float) -> None:
    assert distance_db(to_float_db, 20.0) == pytest.approx(distance, abs=1e-4)


@pytest.mark.parametrize(("int8_db", "loss"), [(21.0, 0.4139), (19.0, 1.0)])
def test_the_larger_counts(int8_db: float, loss: float) -> None:
    assert untrained_loss_db(20.0, int8_db, 30.0) == pytest.approx(loss, abs=1e-4)


@pytest.mark.parametrize("figures", [(math.nan, 1.0, 1.0), (1.0, math.nan, 1.0), (1.0, 1.0, math.nan)])
def test_what_is_no_number_is_no_loss(figures: tuple[float, float, float]) -> None:
    assert math.isnan(untrained_loss_db(*figures))
