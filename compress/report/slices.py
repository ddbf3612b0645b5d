"""PSNR by slice: how good what ships is on the darkest third, and on the user's own parts of the test set."""

from __future__ import annotations

from compress.records import QualityReport, QualityRow
from compress.report.rows import Results, quality_row

SLICE_HEADINGS = ("slice", "pictures", "mean dB", "worst dB", "SSIM", "rule")


def shipped_row(results: Results) -> QualityRow | None:
    """What ships, through the device's runtime or else the first that ran; None where there are no slices of it."""
    return quality_row(results.quality, "int8", results.runtime) if results.quality.slices else None


def slice_rows(quality: QualityReport, row: QualityRow) -> tuple[tuple[str, ...], ...]:
    """The texts of each slice of ``quality`` as ``row`` has it, in the order of ``SLICE_HEADINGS``."""
    psnr, ssim = (dict(zip(quality.images, values, strict=True)) for values in (row.psnr_db, row.ssim))
    found = []
    for part in quality.slices:
        dbs, likeness = [psnr[image] for image in part.images], [ssim[image] for image in part.images]
        mean_db, mean_ssim = sum(dbs) / len(dbs), sum(likeness) / len(likeness)
        figures = (f"{mean_db:.2f}", f"{min(dbs):.2f}", f"{mean_ssim:.3f}")
        found.append((part.name, str(len(dbs)), *figures, part.rule))
    return tuple(found)
