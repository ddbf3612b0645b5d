"""What ``compress gate`` finds."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from compress.records import Record

Result = Literal["pass", "fail", "incomplete"]


class Allowance(Record):
    """How much worse a candidate may be before it is called a regression."""

    psnr_loss_db: float = Field(0.005, ge=0)
    worst_psnr_loss_db: float = Field(0.3, ge=0)
    ssim_loss: float = Field(0.002, ge=0)
    slice_psnr_loss_db: float = Field(0.05, ge=0)
    slowdown: float = Field(0.02, ge=0)
    stored_slowdown: float = Field(0.1, ge=0)
    metric_loss: float = Field(0.01, ge=0)
    """Of a metric of the whole set, where answers are no pictures: a point of mAP."""


class Difference(Record):
    """Candidate minus baseline, or (``slowdown``) their ratio minus one. ``low`` and ``high``: its interval.

    It fails where the whole interval lies beyond ``limit`` on the bad side. ``figure`` is None where nothing could be
    compared, and ``note`` says why.
    """

    name: str
    unit: str
    limit: float
    figure: float | None
    low: float | None = None
    high: float | None = None
    confidence: float = 0.99
    result: Result
    note: str = ""


class Session(Record):
    """Where a build's candidate and baseline were timed in turn: facts before and, where they differ, ``NAME_after``.

    ``not_as_wanted``: which conditions of the target were not met; then no times count.
    """

    build: str
    device: str
    fingerprint: dict[str, str]
    not_as_wanted: tuple[str, ...] = ()


class RegressionReport(Record):
    """Candidate against baseline; ``fail`` beats ``incomplete`` beats ``pass``."""

    candidate: str
    baseline: str
    result: Result
    differences: tuple[Difference, ...]
    sessions: tuple[Session, ...] = ()


def overall(differences: tuple[Difference, ...]) -> Result:
    """One result for all; nothing compared is incomplete."""
    results = {each.result for each in differences}
    if "fail" in results:
        return "fail"
    return "incomplete" if "incomplete" in results or not results else "pass"
