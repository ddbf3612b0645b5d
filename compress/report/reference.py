"""What the figures of quality are called: PSNR and SSIM against ground truth, or fidelity to a network."""

from __future__ import annotations

from compress.records import QualityReport, Variant

_OF_QUALITY = ("PSNR", "PSNR dB", "worst dB", "mean dB", "SSIM")


def called(quality: QualityReport, name: str) -> str:
    """``name`` of a figure, said to be fidelity where there was no ground truth."""
    return f"{quality.fidelity.name}, {name}" if quality.fidelity and name in _OF_QUALITY else name


def headings(quality: QualityReport, names: tuple[str, ...]) -> tuple[str, ...]:
    """The same for the headings of a table; those that name no figure of quality stay."""
    return tuple(called(quality, name) for name in names)


def reference_lines(quality: QualityReport) -> tuple[str, ...]:
    """What there is to know of figures that are not against ground truth."""
    if quality.fidelity is None:
        return ()
    if quality.fidelity.to == "given frame":
        return (
            f"No ground truth: PSNR and SSIM are {quality.fidelity.name}, of it shrunk by the estimated kernel "
            f"{quality.fidelity.digest[:12]}. They are of the scale below the one that is wanted, where nobody has a "
            "truth, and say nothing of whether the kernel is right.",
            f"Frames: {quality.fidelity.frames}.",
        )
    return (
        f"No ground truth: PSNR and SSIM are {quality.fidelity.name}. They say how near a network comes to the "
        f"pictures of {quality.fidelity.to} {quality.fidelity.digest[:12]}, rounded to 8 bit when stored, not their "
        "quality.",
        f"Frames: {quality.fidelity.frames}.",
    )


def is_reference(variant: Variant, quality: QualityReport) -> bool:
    """Whether the pictures of ``variant`` are those that the others are compared with, so that it has nothing to lose.

    Pruning makes another network of the one that is brought; the student is still that one.
    """
    stands: dict[str, Variant] = {"teacher": "teacher", "float network": "student"}
    return quality.fidelity is not None and stands.get(quality.fidelity.to) == variant
