"""The blur kernel of a camera, from its pictures alone.

What is sharp in a scene is sharp at every scale, so a picture's patches recur in the picture shrunk by its own kernel,
and by no other (Michaeli & Irani, ICCV 2013). Their mean power spectra then are equal: with ``P`` that of the picture's
patches, ``K`` the kernel for shrinking by s, ``|K(w)|^2 P(w) = s^2 P(s w)`` for ``|w| < pi/s``. A Gaussian kernel makes
that a linear equation in its covariance C, ``log P(s w) + 2 log s - log P(w) = a - w' C w``, solved by least squares.
``a`` takes up a scene whose spectrum falls otherwise than by the square of frequency; it is held near 0.

Where a pixel of the given picture was blurred by a covariance B, in its own pixels, ``C = (s^2 - 1) B`` in pixels of
the large one; so one measurement at s = 2 gives the kernels for all scales.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from compress.degradation.kernel import Taps, gaussian
from compress.degradation.noise import noise_level
from compress.errors import DataError

Picture = NDArray[np.uint8]

_LUMA = np.array([0.299, 0.587, 0.114])
_OF_COLOURS = float(np.linalg.norm(_LUMA))
"""What luma leaves of the deviation of noise that is each colour's own."""
_WINDOW = 32
_STEP = 8
_ROUNDING = 1.0 / 12 / 255**2
"""Variance that rounding to 8 bit adds."""
_LOWEST = 0.25
"""Radians a pixel: below, a window of this size has leaked; chosen on three pictures of Set5 and two of Set14."""
_HOLD = 0.3
"""Of ``a`` at 0; chosen on 60 photographs of vehicles (ADR 0043)."""
_NARROWEST_PX, _WIDEST_PX = 0.25, 1.2
"""Bounds of the blur's standard deviations, in pixels of the given picture."""


@dataclass(frozen=True)
class Blur:
    """``covariance`` (2, 2), rows first, in squared pixels of the given picture; ``noise``: deviation
    of each colour in [0, 1]."""

    covariance: NDArray[np.float64]
    noise: float

    def taps(self, scale: int) -> Taps:
        """The kernel by which a picture ``scale`` times as large became this one."""
        return gaussian(scale, (scale**2 - 1) * self.covariance)


@dataclass(frozen=True)
class Estimate:
    """``blur`` of all patches, and ``restarts``: the same of patches drawn anew."""

    blur: Blur
    restarts: tuple[Blur, ...]

    def uncertainty(self, scale: int) -> Taps:
        """Standard deviation of each tap over the restarts."""
        return np.asarray(np.std([each.taps(scale) for each in self.restarts], axis=0))


def estimate(pictures: Sequence[Picture], seed: int, restarts: int = 20, noise: float | None = None) -> Estimate:
    """The blur that all ``pictures`` (H, W, 3) uint8 RGB share; ``noise``: their deviation in [0, 1], where known.

    Restarts draw as many patches with replacement. Raises DataError where no picture is 64x64 or larger.
    """
    greys = [_grey(picture) for picture in pictures if min(picture.shape[:2]) >= 2 * _WINDOW]
    if not greys:
        raise DataError(f"the kernel can't be found: a picture of {2 * _WINDOW}x{2 * _WINDOW} and larger is needed")
    level = float(np.median([_noise(picture) for picture in pictures])) if noise is None else noise
    spectra = np.concatenate([_spectra(grey) for grey in greys])
    rng = np.random.default_rng((seed, 7))
    draws = (spectra[rng.integers(0, len(spectra), len(spectra))] for _ in range(restarts))
    others = tuple(_blur(draw.mean(0), level) for draw in draws)
    return Estimate(_blur(spectra.mean(0), level), others)


def _noise(picture: Picture) -> float:
    """The least of the three colours': structure adds to it, and nothing takes away."""
    planes = np.moveaxis(picture, 2, 0).astype(np.float32) / 255
    return min(noise_level(plane) for plane in planes)


def _grey(picture: Picture) -> NDArray[np.float32]:
    """Luma (BT.601) in [0, 1]."""
    return np.asarray(picture @ _LUMA / 255, dtype=np.float32)


def _spectra(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """Periodograms (M, 32, 32) of the half of the patches that varies most; white noise has its variance everywhere."""
    windows = np.lib.stride_tricks.sliding_window_view(grey, (_WINDOW, _WINDOW))[::_STEP, ::_STEP]
    patches = windows.reshape(-1, _WINDOW, _WINDOW)
    variance = patches.var((1, 2))
    patches = patches[variance >= np.median(variance)]
    line = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    hann = np.outer(line, line)
    means = (patches * hann).sum((1, 2)) / hann.sum()
    transformed = np.fft.fft2((patches - means[:, None, None]) * (hann / np.sqrt((hann**2).sum())))
    return np.asarray(np.abs(transformed) ** 2, dtype=np.float32)


def _blur(power: NDArray[np.float32], noise: float) -> Blur:
    """From the mean periodogram; see the module's formula."""
    floor = (noise**2 + _ROUNDING) * _OF_COLOURS**2
    clean = np.log(np.maximum(power - floor, 0.05 * floor))
    signal = np.log(np.maximum(power / floor - 1, 1e-3))
    line = np.linspace(-1.0, 1.0, 41) * 0.9 * math.pi / 2
    down, across = np.meshgrid(line, line, indexing="ij")
    radius = np.hypot(down, across)
    inside = (radius > _LOWEST) & (radius < 0.9 * math.pi / 2) & (down >= 0)
    down, across = down[inside], across[inside]
    wanted = _at(clean, 2 * down, 2 * across) - _at(clean, down, across) + 2 * math.log(2)
    trust = 1 / (1 + np.exp(-_at(signal, 2 * down, 2 * across))) ** 2
    unknowns = np.stack([np.ones_like(down), -(down**2), -2 * down * across, -(across**2)], 1)
    weighted = unknowns * (trust / trust.sum())[:, None]
    _, a, b, c = np.linalg.solve(weighted.T @ unknowns + np.diag([_HOLD, 0.0, 0.0, 0.0]), weighted.T @ wanted)
    return Blur(_bounded(np.array([[a, b], [b, c]]) / 3.0), noise)


def _bounded(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    held = np.clip(values, _NARROWEST_PX**2, _WIDEST_PX**2)
    return np.asarray(vectors @ np.diag(held) @ vectors.T)


def _at(logs: NDArray[np.float64], down: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bilinear between the values of a periodic spectrum; frequencies in radians a pixel."""
    y, x = (frequency / (2 * math.pi) * _WINDOW for frequency in (down, across))
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    v, u = y - top, x - left
    rows, columns = (top % _WINDOW, (top + 1) % _WINDOW), (left % _WINDOW, (left + 1) % _WINDOW)
    above = logs[rows[0], columns[0]] * (1 - u) + logs[rows[0], columns[1]] * u
    below = logs[rows[1], columns[0]] * (1 - u) + logs[rows[1], columns[1]] * u
    return np.asarray(above * (1 - v) + below * v)
