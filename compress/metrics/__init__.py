"""Metrics by name (``table``): on 8-bit RGB pictures, no GT-mean correction unless a name says so."""

from __future__ import annotations

from compress.metrics.full_reference import (
    DEFINITION,
    PSNR_CAP_DB,
    fidelity_definition,
    gtmean_psnr_db,
    ms_ssim,
    psnr_db,
    ssim,
    vif,
)  # fmt: skip

__all__ = ["DEFINITION", "PSNR_CAP_DB", "fidelity_definition", "gtmean_psnr_db", "ms_ssim", "psnr_db", "ssim", "vif"]
