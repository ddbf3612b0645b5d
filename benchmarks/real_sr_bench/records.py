"""``real_sr.json``: one picture, one kernel, one seed at a time, so that a run that was stopped goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from compress.records import Record

Method = Literal[
    "bicubic", "zssr", "projected", "undistilled", "ours", "known kernel",
    "without taught", "without wanted", "without affinity", "without consistency", "without restored",
    "without variation", "without projections",
]  # fmt: skip


@dataclass(frozen=True)
class Place:
    """One picture made smaller in one way, and the methods that enlarge it again."""

    picture: str
    scale: int
    kernel: int
    noise: float
    seed: int
    methods: tuple[Method, ...]


class Score(Record):
    """PSNR in dB and SSIM on RGB and on Y (BT.601, 16 to 235), 2 ``scale`` pixels of the border left out."""

    psnr_db: float
    ssim: float
    psnr_y_db: float
    ssim_y: float


class Cell(Record):
    """One picture, degraded by kernel number ``kernel`` (-1: the bicubic one) and noise, given to one method.

    ``commit``: of the code that measured it; a run that goes on may be of a later one.
    """

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
    commit: str


class RealSr(Record):
    """``given_px``: the given pictures' sides at most, so their truths are cut to ``scale`` times as much;
    ``steps``: of each network times the scale; ``machine``: what it was measured on."""

    command: str
    machine: str
    steps: int
    given_px: int
    cells: tuple[Cell, ...]

    def has(self, place: Place, method: Method) -> bool:
        """Whether that was measured."""
        wanted = (place.picture, place.scale, place.kernel, place.noise, place.seed, method)
        return any((c.picture, c.scale, c.kernel, c.noise, c.seed, c.method) == wanted for c in self.cells)
