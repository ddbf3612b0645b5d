"""Two bundles picture by picture: which lost most, and where its crops lie."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import ValidationError

from compress.looks.records import FOLDER, Looks, read_looks
from compress.records import QualityReport, QualityRow
from compress.regression.yardstick import why_not_comparable

MOST_LINKED = 3


@dataclass(frozen=True)
class PictureDelta:
    """One test picture through the INT8 builds of both; SSIM is None where one of them has none."""

    image: str
    before_db: float
    after_db: float
    before_ssim: float | None = None
    after_ssim: float | None = None

    @property
    def psnr_db(self) -> float:
        """Candidate minus baseline; NaN where one of them is."""
        return self.after_db - self.before_db

    @property
    def ssim(self) -> float | None:
        """Candidate minus baseline."""
        if self.after_ssim is None or self.before_ssim is None:
            return None
        return self.after_ssim - self.before_ssim


@dataclass(frozen=True)
class Pictures:
    """The pictures that both measured, what lost most first. ``why_not``: why there are none."""

    runtime: str = ""
    deltas: tuple[PictureDelta, ...] = ()
    why_not: str = ""


def compare_pictures(candidate: QualityReport, baseline: QualityReport) -> Pictures:
    """INT8 through the first runtime that both were measured with."""
    why_not = why_not_comparable(candidate, baseline)
    if why_not:
        return Pictures(why_not=why_not)
    theirs = {row.runtime: row for row in _int8(baseline)}
    mine = next((row for row in _int8(candidate) if row.runtime in theirs), None)
    common = [image for image in candidate.images if image in baseline.images]
    if mine is None or not common:
        return Pictures(why_not="no runtime that INT8 of both was measured with, or no picture in common")
    after, before = _by_image(candidate, mine), _by_image(baseline, theirs[mine.runtime])
    deltas = [PictureDelta(image, before[image][0], after[image][0], before[image][1], after[image][1])
              for image in common]  # fmt: skip
    # A NaN compares with nothing; it is the worst there is.
    deltas.sort(key=lambda each: -math.inf if math.isnan(each.psnr_db) else each.psnr_db)
    return Pictures(mine.runtime, tuple(deltas))


def worst_lines(candidate: Path, mine: QualityReport, baseline: QualityReport, beside: Path) -> str:
    """Markdown: the pictures that lost most, each with links to its crops in the ``candidate`` bundle.

    The links start at the folder of ``beside``, the file that the text goes into. Empty where no picture lost anything.
    """
    losers = [each for each in compare_pictures(mine, baseline).deltas if not each.psnr_db >= 0][:MOST_LINKED]
    looks = _looks(candidate)
    lines = [
        f"- `{each.image}` {each.psnr_db:+.3f} dB{_links(each.image, looks, candidate, beside)}" for each in losers
    ]
    return "\n".join(["", "Pictures that lost most:", "", *lines]) + "\n" if lines else ""


def _links(image: str, looks: Looks | None, bundle: Path, beside: Path) -> str:
    look = looks.of(image) if looks else None
    if look is None:
        return ""
    folder = os.path.relpath(bundle / "report" / FOLDER, beside.resolve().parent)
    wanted = [crop for crop in look.crops if crop.kind in ("input", "float", "int8", "truth")]
    return ": " + ", ".join(f"[{crop.kind}]({quote(Path(folder, crop.file).as_posix())})" for crop in wanted)


def _looks(bundle: Path) -> Looks | None:
    try:
        return read_looks(bundle / "report" / FOLDER)
    except (OSError, ValidationError):
        return None


def _int8(report: QualityReport) -> list[QualityRow]:
    return [row for row in report.rows if row.variant == "int8" and row.psnr_db]


def _by_image(report: QualityReport, row: QualityRow) -> dict[str, tuple[float, float | None]]:
    ssim = row.ssim or (None,) * len(row.psnr_db)
    return dict(zip(report.images, zip(row.psnr_db, ssim, strict=True), strict=True))
