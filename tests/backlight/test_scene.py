"""Photographs lit from one side: above as they are, dark below, the same every time."""

from __future__ import annotations

import numpy as np
import pytest

from compress.backlight.scene import backlit

PHOTOGRAPH = np.random.default_rng(0).integers(60, 200, (6, 9, 1), np.uint8).repeat(16, 0).repeat(16, 1).repeat(3, 2)


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_light_comes_from_above_and_stays_there(name: str) -> None:
    scene = backlit(PHOTOGRAPH, name)
    assert scene.given.shape == PHOTOGRAPH.shape and scene.given.dtype == np.uint8
    assert scene.lit[:8].mean() > 0.8 > 0.2 > scene.lit[-8:].mean()
    dark, bright = scene.lit < 0.02, scene.lit > 0.98
    assert np.abs(scene.given[bright].astype(float) - PHOTOGRAPH[bright]).mean() < 12
    assert scene.given[dark].mean() < 0.5 * PHOTOGRAPH[dark].mean()
    assert 0.05 <= scene.exposure <= 0.16


def test_the_name_decides() -> None:
    one, again, other = (backlit(PHOTOGRAPH, name) for name in ("a", "a", "b"))
    np.testing.assert_array_equal(one.given, again.given)
    assert (one.given != other.given).any()
