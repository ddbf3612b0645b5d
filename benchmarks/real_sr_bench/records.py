"""``real_sr.json``: one picture, one kernel, one seed at a time, so that a run that was stopped goes on."""

from __future__ import annotations

from typing import Literal

from compress.records import Record

Method = Literal["bicubic", "zssr", "known kernel", "undistilled", "ours"]


class Score(Record):
    """PSNR in dB and SSIM on RGB and on Y (BT.601, 16 to 235), 2 ``scale`` pixels of the border left out."""

    psnr_db: float
    ssim: float
    psnr_y_db: float
    ssim_y: float


class Cell(Record):
    """One picture, degraded by kernel number ``kernel`` (-1: the bicubic one) and noise, given to one method."""

    picture: str
    scale: int
    kernel: int
    noise: float
    seed: int
    method: Method
    score: Score
    kernel_psnr_db: float | None
    centre_shift_px: float | None
    wall_s: float


class RealSr(Record):
    """``largest_px``: sides that pictures are cut to in their middle; ``steps``: of each student."""

    commit: str
    steps: int
    largest_px: int
    cells: tuple[Cell, ...]

    def has(self, cell: tuple[object, ...]) -> bool:
        """Whether picture, scale, kernel, noise, seed and method were measured."""
        return any((c.picture, c.scale, c.kernel, c.noise, c.seed, c.method) == cell for c in self.cells)
