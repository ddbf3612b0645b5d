"""VIF against the paper's formula written out with NumPy and SciPy alone; MS-SSIM against its definition by scales."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from compress.metrics import ms_ssim, vif

Picture, Plane = NDArray[np.uint8], NDArray[np.float64]


def _window(side: int, sigma: float) -> Plane:
    places = np.arange(side) - side // 2
    weights = np.exp(-(places**2) / (2.0 * sigma**2))
    return weights / weights.sum()


def _filtered(plane: Plane, window: Plane) -> Plane:
    """Where the window lies wholly inside."""
    edge = len(window) // 2
    for axis in (0, 1):
        plane = convolve1d(plane, window, axis=axis, mode="constant")
    return plane[edge : plane.shape[0] - edge, edge : plane.shape[1] - edge]


def _vif_of_plane(truth: Plane, output: Plane, noise: float = 2.0) -> float:
    """Sheikh and Bovik 2006, eq. 13, with the gain and noise of a local linear model (eq. 5) at four scales."""
    told = held = 0.0
    for scale in range(4):
        side = 2 ** (4 - scale) + 1
        window = _window(side, side / 5.0)
        if scale:
            truth, output = (_filtered(plane, window)[::2, ::2] for plane in (truth, output))
        mean_truth, mean_output = _filtered(truth, window), _filtered(output, window)
        var_truth = np.maximum(_filtered(truth**2, window) - mean_truth**2, 0)
        var_output = np.maximum(_filtered(output**2, window) - mean_output**2, 0)
        both = _filtered(truth * output, window) - mean_truth * mean_output
        gain = both / (var_truth + 1e-8)
        rest = var_output - gain * both
        gain, rest = np.where(var_truth < 1e-8, 0, gain), np.where(var_truth < 1e-8, var_output, rest)
        var_truth = np.where(var_truth < 1e-8, 0, var_truth)
        gain, rest = np.where(var_output < 1e-8, 0, gain), np.where(var_output < 1e-8, 0, rest)
        rest = np.where(gain < 0, var_output, rest)
        gain = np.maximum(gain, 0)
        rest = np.maximum(rest, 1e-8)
        told += float(np.log10(1 + gain**2 * var_truth / (rest + noise)).sum())
        held += float(np.log10(1 + var_truth / noise).sum())
    return told / held


def _scene(seed: int, height: int = 61, width: int = 74) -> Picture:
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = [120 + 60 * np.sin(rows / (4 + c)) + 50 * np.cos(columns / (3 + c)) for c in range(3)]
    picture = np.stack(waves, -1) + rng.normal(0, 6, (height, width, 3))
    return np.clip(picture, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("gain, noise", [(1.0, 0.0), (1.0, 12.0), (0.5, 4.0), (1.3, 0.0), (0.05, 0.0)])
def test_vif_is_the_papers(gain: float, noise: float) -> None:
    truth = _scene(1)
    spoilt = truth * gain + np.random.default_rng(2).normal(0, 1, truth.shape) * noise
    output = np.clip(np.rint(spoilt), 0, 255).astype(np.uint8)
    planes = [_vif_of_plane(truth[..., c].astype(float), output[..., c].astype(float)) for c in range(3)]
    assert vif(output, truth) == pytest.approx(np.mean(planes), abs=2e-4)


def test_vif_falls_with_noise_and_is_one_for_equal_pictures() -> None:
    truth = _scene(3)
    noisy = np.clip(truth + np.random.default_rng(4).normal(0, 25, truth.shape), 0, 255).astype(np.uint8)
    assert vif(truth, truth) == pytest.approx(1.0, abs=1e-4)
    assert vif(noisy, truth) < 0.5


def test_ms_ssim_is_a_product_over_five_scales() -> None:
    truth = _scene(5, 176, 180)
    spoilt = truth + np.random.default_rng(6).normal(0, 15, truth.shape)
    output = np.clip(np.rint(spoilt), 0, 255).astype(np.uint8)
    weights, window = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333), _window(11, 1.5)
    found = []
    for colour in range(3):
        x, y = truth[..., colour].astype(float), output[..., colour].astype(float)
        product = 1.0
        for scale, weight in enumerate(weights):
            mx, my = _filtered(x, window), _filtered(y, window)
            sx, sy = _filtered(x * x, window) - mx * mx, _filtered(y * y, window) - my * my
            likeness = (2 * (_filtered(x * y, window) - mx * my) + 58.5225) / (sx + sy + 58.5225)
            if scale == 4:
                likeness = likeness * (2 * mx * my + 6.5025) / (mx * mx + my * my + 6.5025)
            product *= float(likeness.mean()) ** weight
            x, y = (p[: p.shape[0] // 2 * 2, : p.shape[1] // 2 * 2] for p in (x, y))
            x, y = ((p[::2, ::2] + p[1::2, ::2] + p[::2, 1::2] + p[1::2, 1::2]) / 4 for p in (x, y))
        found.append(product)
    assert ms_ssim(output, truth) == pytest.approx(np.mean(found), abs=2e-3)


def test_other_shapes_are_refused() -> None:
    for metric in (vif, ms_ssim):
        with pytest.raises(ValueError, match="one shape"):
            metric(_scene(1), _scene(1, 61, 70))
