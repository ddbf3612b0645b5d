"""Seams: tiles cover the frame, show nothing where a function is local within the halo, and show what jumps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from compress.camera_checks.seams import compare_tiled
from compress.runtimes.tiles import tiled

Picture = NDArray[np.uint8]
TILE = (32, 48)
DARK = np.random.default_rng(0).integers(0, 120, (64, 96, 3)).astype(np.uint8)


def blurred(dark: Picture) -> Picture:
    """Sees three pixels around."""
    return uniform_filter(dark.astype(np.float64), (7, 7, 1), mode="nearest").round().astype(np.uint8)


def levelled(dark: Picture) -> Picture:
    """Brings every picture to one mean, whatever it shows."""
    return np.clip(np.rint(dark * (100.0 / dark.mean())), 0, 255).astype(np.uint8)


def test_a_halo_as_wide_as_a_function_sees_leaves_no_seam() -> None:
    whole = blurred(DARK)
    assert np.array_equal(tiled(blurred, DARK, TILE, 3), whole)
    found = compare_tiled(tiled(blurred, DARK, TILE, 0), whole, TILE, 0)
    assert found.near_max_codes > 2 and found.elsewhere_max_codes == 0  # without one, only near the cuts


def test_no_halo_helps_what_judges_by_the_whole_frame() -> None:
    half = DARK.copy()
    half[:, :48] //= 3
    whole = levelled(half)
    for halo in (0, 8):
        found = compare_tiled(tiled(levelled, half, TILE, halo), whole, TILE, halo)
        assert found.elsewhere_mean_codes > 10 and found.step_codes > 20 and found.tile_spread_percent > 20


def test_equal_pictures_have_no_seams() -> None:
    found = compare_tiled(DARK, DARK, TILE, 0)
    assert (found.near_max_codes, found.elsewhere_max_codes, found.step_codes, found.tile_spread_percent) == (0,) * 4
