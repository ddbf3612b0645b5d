"""The metrics by name: what each means, which library computes it, how it is shown. A few lines each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from compress.metrics.detection import MAP_DEFINITION
from compress.metrics.full_reference import ms_ssim, psnr_db, ssim, vif

if TYPE_CHECKING:
    from compress.metrics.full_reference import Picture

MetricKind = Literal["full_reference", "no_reference", "detection"]
"""Of a picture against a truth, of a picture alone, or of boxes against a truth (``compress.metrics.detection``)."""

MetricName = Literal["psnr", "ssim", "ms_ssim", "vif", "niqe", "musiq", "map50", "map50_95"]

ALWAYS: tuple[MetricName, ...] = ("psnr", "ssim")
"""Measured whether named or not: budgets, slices and comparisons stand on them."""


@dataclass(frozen=True)
class Metric:
    """``least_side``: smallest height and width in pixels that it is defined for; ``library``: its distribution.

    ``compare``: of two pictures, output and truth; None for one of the output alone, and for one of boxes.
    ``needs_weights``: a file must be named in ``validation.weights``; nothing is ever downloaded.
    """

    kind: MetricKind
    heading: str
    unit: str
    higher_is_better: bool
    decimals: int
    least_side: int
    library: str
    definition: str
    compare: Callable[[Picture, Picture], float] | None = None
    needs_weights: bool = False


def _without_truth(heading: str, definition: str, least_side: int, *, higher: bool) -> Metric:
    return Metric(
        kind="no_reference", heading=heading, unit="", higher_is_better=higher, decimals=2, least_side=least_side,
        library="pyiqa", definition=definition, needs_weights=True,
    )  # fmt: skip


METRICS: dict[MetricName, Metric] = {
    "psnr": Metric(
        "full_reference", "PSNR", "dB", True, 2, 1, "numpy", "PSNR on RGB, peak 255, over all channels at once", psnr_db
    ),
    "ssim": Metric(
        "full_reference", "SSIM", "", True, 3, 11, "scikit-image",
        "SSIM on RGB, Gaussian 11x11, sigma 1.5 (Wang et al., TIP 2004)", ssim,
    ),
    "ms_ssim": Metric(
        "full_reference", "MS-SSIM", "", True, 3, 161, "pytorch-msssim",
        "MS-SSIM on RGB, five scales (Wang et al., Asilomar 2003)", ms_ssim,
    ),
    "vif": Metric(
        "full_reference", "VIF", "", True, 3, 41, "torchmetrics",
        "VIF in the pixel domain (Sheikh and Bovik, TIP 2006), mean over R, G and B, noise variance 2", vif,
    ),
    "niqe": _without_truth("NIQE", "NIQE on luma (Mittal et al., SPL 2013)", 96, higher=False),
    "musiq": _without_truth(
        "MUSIQ", "MUSIQ, trained on what its weights were (Ke et al., ICCV 2021)", 32, higher=True
    ),
    "map50": Metric("detection", "mAP50", "", True, 3, 1, "numpy", f"at IoU .5, {MAP_DEFINITION}"),
    "map50_95": Metric("detection", "mAP50:95", "", True, 3, 1, "numpy", f"at IoU .5 to .95, {MAP_DEFINITION}"),
}  # fmt: skip
