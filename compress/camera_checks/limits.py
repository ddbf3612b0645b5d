"""What a stream of frames may show: limits on the figures of ``compress camera``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from compress.camera_checks.records import CameraReport


@dataclass(frozen=True)
class Limits:
    """Largest figures of any build; None: not limited. ``CameraReport``'s rows say what each one is.

    ``flicker_percent``: of the frame's mean, standing scene. ``noise_ratio``: what a pixel varies, over what it does in
    the dark frames. ``pan_percent``: brighter or darker from frame to frame, panned. ``seam_codes``: jump at a cut.
    """

    flicker_percent: float | None = None
    noise_ratio: float | None = None
    pan_percent: float | None = None
    seam_codes: float | None = None


@dataclass(frozen=True)
class Judged:
    """A line for each limit that a build breaks, and for each that it could not be held against."""

    broken: tuple[str, ...]
    missing: tuple[str, ...]


def judge(report: CameraReport, limits: Limits) -> Judged:
    """Hold every build of ``report`` against ``limits``."""
    broken: list[str] = []
    for row in report.flicker:
        ratio = row.pixel_std_codes / max(row.input_pixel_std_codes, 1e-9)
        broken += _beyond(
            row.build,
            ("flicker of the mean", row.brightness_std_percent, limits.flicker_percent, " %"),
            ("noise of a pixel over the input's", ratio, limits.noise_ratio, ""),
            ("change while panned", row.pan_max_percent, limits.pan_percent, " %"),
        )
    for seam in report.seams:
        broken += _beyond(seam.build, ("jump at a seam", seam.step_codes, limits.seam_codes, " codes"))
    missing = [
        f"{each.build}: no seams to hold against the limit of {limits.seam_codes:g} codes: {each.reason}"
        for each in report.seams_not_measured
        if limits.seam_codes is not None
    ]
    return Judged(tuple(broken), tuple(missing))


def _beyond(build: str, *checks: tuple[str, float, float | None, str]) -> Iterable[str]:
    for what, figure, limit, unit in checks:
        if limit is not None and not figure <= limit:
            yield f"{build}: {what} is {figure:.3f}{unit}, the limit {limit:g}{unit}"
