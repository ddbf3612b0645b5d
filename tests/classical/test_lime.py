"""LIME's map: smooth over texture, steep at edges, and what is divided by it."""

from __future__ import annotations

import numpy as np
import pytest

from compress.classical.lime import DARKEST, GAMMA, lime, refined


def test_a_flat_map_stays_as_it_is() -> None:
    np.testing.assert_allclose(refined(np.full((20, 30), 0.3)), 0.3, atol=1e-3)


def test_texture_is_smoothed_and_an_edge_is_kept() -> None:
    noise = np.random.default_rng(0).uniform(-0.02, 0.02, (40, 60))
    edge = np.where(np.arange(60) < 30, 0.2, 0.8)[None, :].repeat(40, 0)
    smooth = refined(edge + noise)
    assert smooth[:, 5:25].std() < 0.4 * noise[:, 5:25].std()
    assert 0.5 < smooth[:, 35:].mean() - smooth[:, :25].mean() < 0.6  # the edge too is held together a little


def test_the_map_solves_its_equation() -> None:
    """For two pixels the system can be solved by hand: ``t1 - t2 = (f1 - f2) / (1 + 2 alpha w)``."""
    first = np.array([[0.2, 0.3]])
    blurred = slope = 0.1
    weight = 0.15 / ((blurred + 1e-3) * (slope + 1e-3))
    found = refined(first)
    assert found[0, 1] - found[0, 0] == pytest.approx(0.1 / (1 + 2 * weight), rel=1e-2)
    assert found.sum() == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("code", [5, 40, 200])
def test_a_flat_picture_is_divided_by_a_power_of_itself(code: int) -> None:
    value = code / 255
    wanted = 255 * min(1.0, value / max(value, DARKEST) ** GAMMA)
    assert abs(int(lime(np.full((16, 24, 3), code, np.uint8))[8, 8, 0]) - wanted) <= 1
