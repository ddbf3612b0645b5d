"""The rules: a regression is called only where the whole interval lies beyond what is allowed."""

from __future__ import annotations

import math

from compress.records import QualityReport, QualityRow, Slice
from compress.regression.interval import mean_interval, median_interval
from compress.regression.of_set import judge_of_set
from compress.regression.records import Allowance, Difference
from compress.regression.yardstick import why_not_comparable

_FEWEST_ROUNDS = 30
_MOST_SHOWN = 3
_MISSES = 0.005
"""Half of what a whole gate may miss: once for the mean PSNR, once for all that is looked at beside it."""


def judge_quality(
    candidate: QualityReport, baseline: QualityReport, runtime: str, allowed: Allowance
) -> tuple[Difference, ...]:
    """PSNR (mean, worst picture, slices) and SSIM of the INT8 builds for ``runtime``, picture by picture.

    What does not answer with pictures is judged by its own metrics (``of_set``).

    The mean PSNR's interval misses in half a per cent of cases, SSIM's and all slices' together in as many. Half of the
    misses are on the side that fails, so equal builds fail by chance in less than 1 % of gates (ADR 0019).
    """
    name = f"int8 through {runtime}"
    why = why_not_comparable(candidate, baseline)
    if why:
        why += "; run the baseline's recipe again on these"
        return (_not_compared(f"{name}, PSNR", "dB", -allowed.psnr_loss_db, why),)
    if candidate.fidelity:
        name += f", {candidate.fidelity.name}"
    rows = _row(candidate, runtime), _row(baseline, runtime)
    common = [image for image in candidate.images if image in baseline.images]
    if rows[0] is None or rows[1] is None or not common:
        where = "candidate" if rows[0] is None else "baseline" if rows[1] is None else "pictures in common"
        return (_not_compared(f"{name}, PSNR", "dB", -allowed.psnr_loss_db, f"no figures: {where}"),)
    if not rows[0].psnr_db or not rows[1].psnr_db:
        return judge_of_set((candidate, rows[0]), (baseline, rows[1]), name, allowed)
    psnr = _deltas(candidate, rows[0].psnr_db, baseline, rows[1].psnr_db, common)
    ssim = _deltas(candidate, rows[0].ssim, baseline, rows[1].ssim, common)
    slices = _slices(candidate, baseline, common)
    confidence = 1.0 - _MISSES / (1 + len(slices))
    return (
        _mean(f"{name}, PSNR", "dB", psnr, -allowed.psnr_loss_db, _losers(psnr), 1.0 - _MISSES),
        _worst(f"{name}, PSNR of the picture that lost most", psnr, -allowed.worst_psnr_loss_db),
        _mean(f"{name}, SSIM", "", ssim, -allowed.ssim_loss, "", confidence),
        *(_slice(name, each, psnr, allowed, confidence) for each in slices),
    )


def judge_speed(
    build: str, candidate_ms: tuple[float, ...], baseline_ms: tuple[float, ...], allowed: Allowance
) -> Difference:
    """How much slower the candidate is, from rounds in which both ran, one after the other."""
    name = f"{build}, slowdown"
    if len(candidate_ms) != len(baseline_ms) or len(candidate_ms) < _FEWEST_ROUNDS:
        return _not_compared(name, "", allowed.slowdown, f"fewer than {_FEWEST_ROUNDS} rounds in which both ran")
    logs = tuple(math.log(mine / theirs) for mine, theirs in zip(candidate_ms, baseline_ms, strict=True))
    figure, low, high = (math.expm1(value) for value in median_interval(logs))
    beyond = f"up to {high:.1%} slower can't be ruled out" if low <= allowed.slowdown < high else ""
    return Difference(
        name=name, unit="", limit=allowed.slowdown, figure=figure, low=low, high=high,
        result="fail" if low > allowed.slowdown else "pass", note=beyond,
    )  # fmt: skip


def _row(report: QualityReport, runtime: str) -> QualityRow | None:
    return next((row for row in report.rows if row.variant == "int8" and row.runtime == runtime), None)


def _deltas(
    candidate: QualityReport, mine: tuple[float, ...], baseline: QualityReport, theirs: tuple[float, ...],
    common: list[str],
) -> dict[str, float]:  # fmt: skip
    ours, before = (dict(zip(r.images, v, strict=True)) for r, v in ((candidate, mine), (baseline, theirs)))
    return {image: ours[image] - before[image] for image in common}


def _slices(candidate: QualityReport, baseline: QualityReport, common: list[str]) -> tuple[Slice, ...]:
    """The candidate's, else the baseline's, with the pictures that can be compared."""
    known = {each.name: each for each in (*baseline.slices, *candidate.slices)}
    cut = (Slice(name=s.name, rule=s.rule, images=tuple(i for i in s.images if i in common)) for s in known.values())
    return tuple(each for each in cut if each.images)


def _slice(name: str, part: Slice, psnr: dict[str, float], allowed: Allowance, confidence: float) -> Difference:
    deltas = {image: psnr[image] for image in part.images}
    label, limit = f"{name}, PSNR of slice {part.name}", -allowed.slice_psnr_loss_db
    return _mean(label, "dB", deltas, limit, f"{part.rule}; {_losers(deltas)}", confidence)


def _mean(name: str, unit: str, deltas: dict[str, float], limit: float, note: str, confidence: float) -> Difference:
    """``note``: said where it fails. A single picture has no interval, so no mean to judge; it has its own limit."""
    figure, low, high = mean_interval(tuple(deltas.values()), confidence)
    single = len(deltas) == 1
    failed = (high < limit and not single) or not math.isfinite(figure)
    return Difference(
        name=name, unit=unit, limit=limit, figure=figure, low=None if single else low, high=None if single else high,
        confidence=confidence, result="fail" if failed else "pass",
        note=note if failed else "one picture: judged by the limit for single pictures" if single else "",
    )  # fmt: skip


def _worst(name: str, deltas: dict[str, float], limit: float) -> Difference:
    image, figure = min(deltas.items(), key=lambda pair: pair[1])
    failed = not figure >= limit
    return Difference(
        name=name, unit="dB", limit=limit, figure=figure, result="fail" if failed else "pass",
        note=image if figure < 0 else "",
    )  # fmt: skip


def _losers(deltas: dict[str, float]) -> str:
    most = sorted(deltas.items(), key=lambda pair: pair[1])[:_MOST_SHOWN]
    return "lost most: " + ", ".join(f"{image} {delta:+.3f}" for image, delta in most)


def _not_compared(name: str, unit: str, limit: float, why: str) -> Difference:
    return Difference(name=name, unit=unit, limit=limit, figure=None, result="incomplete", note=why)
