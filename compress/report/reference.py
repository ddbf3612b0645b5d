"""What the figures of quality are called: PSNR and SSIM against ground truth, or fidelity to the teacher."""

from __future__ import annotations

from compress.records import QualityReport

FIDELITY = "fidelity to the teacher"
_OF_QUALITY = ("PSNR", "PSNR dB", "worst dB", "mean dB", "SSIM")


def called(quality: QualityReport, name: str) -> str:
    """``name`` of a figure, said to be fidelity where there was no ground truth."""
    return f"{FIDELITY}, {name}" if quality.fidelity and name in _OF_QUALITY else name


def headings(quality: QualityReport, names: tuple[str, ...]) -> tuple[str, ...]:
    """The same for the headings of a table; those that name no figure of quality stay."""
    return tuple(called(quality, name) for name in names)


def reference_lines(quality: QualityReport) -> tuple[str, ...]:
    """What there is to know of figures that are not against ground truth."""
    if quality.fidelity is None:
        return ()
    return (
        "No ground truth: PSNR and SSIM are fidelity to the teacher. They say how near a network comes to "
        f"the pictures of teacher {quality.fidelity.teacher[:12]}, rounded to 8 bit when stored, not their quality.",
        f"Frames: {quality.fidelity.frames}.",
    )
