"""One cell of the table: a photograph made smaller, enlarged by one method, held against the photograph."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from compress.degradation.estimate import estimate
from compress.degradation.kernel import Taps, centre_shift_px, cubic, kernel_psnr_db, oriented, shrunk
from compress.flow import Quiet
from compress.metrics import psnr_db, ssim
from compress.models.enhance import to_picture, to_tensor
from compress.store.sources import git_commit
from compress.zero_shot.enlarge import ZeroShot, enlarge
from real_sr_bench.records import Cell, Method, Score

Picture = NDArray[np.uint8]

KERNELS = ((0.45, 0.3, 0), (0.6, 0.3, 45), (0.75, 0.4, 90), (0.9, 0.5, 30), (1.0, 0.35, 120), (1.1, 0.65, 150))
"""Standard deviations in pixels of the small picture, and degrees."""
BICUBIC = -1


def true_kernel(number: int, scale: int) -> Taps:
    """One of ``KERNELS``, or of ``BICUBIC`` the cubic one."""
    if number == BICUBIC:
        return cubic(scale)
    along, beside, degrees = KERNELS[number]
    return oriented(scale, along * scale, beside * scale, degrees)


def settings(method: Method, scale: int, steps: int, seed: int) -> ZeroShot:
    """What is trained for a method other than bicubic.

    "zssr" is Shocher's: from plain bicubic, by pairs of the cubic kernel, its answer, all of it, projected by that
    kernel.
    """
    ours = ZeroShot(scale, steps=steps, seed=seed)
    alone = replace(ours, taught=0.0, wanted=0.0)
    return {
        "without taught": replace(ours, taught=0.0), "without wanted": replace(ours, wanted=0.0),
        "without affinity": replace(ours, affinity=0.0), "without consistency": replace(ours, consistency=0.0),
        "without restored": replace(ours, restored=0.0), "without variation": replace(ours, variation=0.0),
        "without projections": replace(ours, projections=0),
        "zssr": replace(alone, consistency=0.0, starts_projected=False, weighed=False),
        "projected": replace(ours, steps=0), "undistilled": alone,
        "known kernel": replace(alone, weighed=False), "ours": ours,
    }[method]  # fmt: skip


def measure(
    name: str, truth: Picture, scale: int, number: int, noise: float, seed: int, method: Method, steps: int
) -> Cell:  # fmt: skip
    """``truth`` (H, W, 3) uint8 with sides that are multiples of 2 ``scale``."""
    taps = true_kernel(number, scale)
    generator = torch.Generator().manual_seed(1000 + seed)
    clean = shrunk(to_tensor(truth), taps, scale)
    given = to_picture(clean + noise * torch.randn(clean.shape, generator=generator))
    begun, found = time.perf_counter(), None
    if method == "bicubic":
        size = truth.shape[1], truth.shape[0]
        answer = np.array(Image.fromarray(given).resize(size, Image.Resampling.BICUBIC))
    else:
        seen = estimate([given], seed, restarts=0).blur
        found = None if method in ("zssr", "known kernel") else seen.taps(scale)
        used = taps if method == "known kernel" else cubic(scale) if found is None else found
        level = noise if method == "known kernel" else seen.noise
        with tempfile.TemporaryDirectory() as work:
            answer = enlarge(given, used, level, settings(method, scale, steps, seed), Path(work), Quiet())
    return Cell(
        picture=name, scale=scale, kernel=number, noise=noise, seed=seed, method=method,
        score=score(answer, truth, 2 * scale),
        kernel_psnr_db=None if found is None else round(min(kernel_psnr_db(found, taps), 100.0), 3),
        centre_shift_px=None if found is None else round(centre_shift_px(found, taps), 4),
        wall_s=round(time.perf_counter() - begun, 1), commit=git_commit(Path(__file__).parent) or "unknown",
    )  # fmt: skip


def score(answer: Picture, truth: Picture, border: int) -> Score:
    """Without ``border`` pixels on each side."""
    inside = (slice(border, -border), slice(border, -border))
    y, high = answer[inside], truth[inside]
    grey_y, grey_high = _luma(y), _luma(high)
    return Score(
        psnr_db=round(psnr_db(y, high), 4), ssim=round(ssim(y, high), 5),
        psnr_y_db=round(psnr_db(grey_y, grey_high), 4), ssim_y=round(ssim(grey_y, grey_high), 5),
    )  # fmt: skip


def _luma(picture: Picture) -> Picture:
    """Y of BT.601, 16 to 235, rounded, in all three channels."""
    y = 16 + picture @ np.array([65.481, 128.553, 24.966]) / 255
    return np.repeat(np.round(y).astype(np.uint8)[..., None], 3, axis=2)
