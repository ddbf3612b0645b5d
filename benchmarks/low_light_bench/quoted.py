"""Public low-light networks on LOL-v1 eval15: figures that were measured elsewhere and are quoted here."""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "measured from public weights, not in this run: RGB, no GT-mean, output rounded to 8 bit"


@dataclass(frozen=True)
class Quoted:
    """Means over the 15 pictures; float networks."""

    name: str
    params: int
    psnr_db: float
    ssim: float
    gtmean_db: float


QUOTED = (
    Quoted("LYT-Net", 44_923, 24.13, 0.844, 28.15),
    Quoted("IAT", 91_154, 23.38, 0.808, 25.27),
    Quoted("Multinex", 44_620, 23.18, 0.842, 26.62),
    Quoted("FLOL", 94_518, 21.07, 0.817, 24.69),
    Quoted("URetinex-Net", 340_105, 19.86, 0.826, 24.62),
    Quoted("PairLIE", 341_767, 19.52, 0.736, 23.16),
    Quoted("Multinex-Nano", 696, 19.42, 0.742, 23.04),
    Quoted("AM-ZIE", 13_432, 19.35, 0.716, 23.20),
    Quoted("RetinexNet (port)", 555_205, 17.61, 0.648, 20.18),
    Quoted("RUAS", 3_438, 16.45, 0.502, 18.72),
    Quoted("Zero-DCE++", 10_561, 15.36, 0.568, 20.09),
    Quoted("Zero-DCE", 79_416, 14.86, 0.559, 21.06),
    Quoted("SCI medium", 258, 14.85, 0.524, 19.05),
    Quoted("CLIP-LIT", 278_790, 12.39, 0.493, 20.03),
)
