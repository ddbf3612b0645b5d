"""How often equal builds fail by chance on few pictures, and what is caught: the rules of ADR 0019, by simulation.

Equal: candidate and baseline could change places, so that a picture's difference is as likely above zero as below it.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from compress.records import QualityReport, QualityRow, Slice
from compress.regression.interval import mean_interval
from compress.regression.judge import judge_quality
from compress.regression.records import Allowance, Difference

DRAWN = 1500


def report(psnr: NDArray[np.float64], ssim: NDArray[np.float64] | None = None) -> QualityReport:
    """A report with thirds; SSIM .8 where none is given."""
    names = tuple(f"{number:03d}" for number in range(len(psnr)))
    thirds = np.array_split(np.array(names), 3)
    return QualityReport(
        definition="", decoder="", data_digest="d", data_kind="paired", images=names,
        rows=(
            QualityRow(
                variant="int8", runtime="onnx", psnr_db=tuple(map(float, psnr)), psnr_gtmean_db=(),
                ssim=(0.8,) * len(psnr) if ssim is None else tuple(map(float, ssim)),
            ),
        ),
        slices=tuple(
            Slice(name=name, rule="third", images=tuple(map(str, third)))
            for name, third in zip(("dark", "mid", "bright"), thirds, strict=True)
        ),
    )  # fmt: skip


def judged(psnr: NDArray[np.float64], ssim: NDArray[np.float64] | None = None) -> dict[str, Difference]:
    """Against a baseline of 20 dB and .8 throughout, without the limit for single pictures."""
    found = judge_quality(report(psnr, ssim), report(np.full(len(psnr), 20.0)), "onnx", Allowance())
    return {each.name.removeprefix("int8 through onnx, "): each for each in found if "lost most" not in each.name}


def failed(found: dict[str, Difference]) -> set[str]:
    return {name for name, each in found.items() if each.result == "fail"}


@pytest.mark.parametrize(("count", "shape"), [(8, "normal"), (15, "normal"), (15, "heavy"), (45, "normal")])
def test_equal_builds_hardly_ever_fail_by_chance(count: int, shape: str) -> None:
    """All means of a gate together; the draws are the same every time."""
    rng = np.random.default_rng(count)
    alarms = 0
    for _ in range(DRAWN):
        psnr = rng.standard_normal(count) if shape == "normal" else rng.standard_t(3, count)
        ssim = 0.8 * psnr + 0.6 * rng.standard_normal(count)  # as alike as LOL's pictures have them
        alarms += bool(failed(judged(20 + 0.5 * psnr, 0.8 + 0.02 * ssim)))
    assert alarms < 0.01 * DRAWN


@pytest.mark.parametrize("count", [15, 16, 45, 100])
@pytest.mark.parametrize("odd", [0, 1])
def test_a_tenth_of_a_db_on_half_of_the_pictures_is_caught(count: int, odd: int) -> None:
    lost = np.where(np.arange(count) % 2 == odd, 0.1, 0.0)
    assert "PSNR" in failed(judged(20 - lost))
    noisy = 20 - lost + np.random.default_rng(0).normal(0, 0.01, count)
    assert "PSNR" in failed(judged(noisy)) or count < 16


@pytest.mark.parametrize("count", [1, 2, 8, 15, 100])
def test_a_ten_thousandth_of_a_db_is_nothing(count: int) -> None:
    found = judge_quality(report(np.full(max(count, 3), 20 - 1e-4)), report(np.full(max(count, 3), 20.0)), "onnx",
                          Allowance())  # fmt: skip
    assert {each.result for each in found} == {"pass"}


def test_what_is_lost_in_the_dark_alone_is_caught_there_and_named() -> None:
    psnr = np.full(15, 20.0)
    psnr[:5] -= (0.18, 0.2, 0.22, 0.2, 0.2)
    psnr[5:] += 0.1  # better on average
    found = judged(psnr)
    assert failed(found) == {"PSNR of slice dark"}
    dark = found["PSNR of slice dark"]
    assert dark.figure == pytest.approx(-0.2) and dark.high is not None and dark.high < -0.05
    assert dark.note == "third; lost most: 002 -0.220, 001 -0.200, 003 -0.200"
    assert dark.confidence == pytest.approx(1 - 0.005 / 4) and found["PSNR"].confidence == 0.995


def test_a_slice_of_one_picture_is_left_to_the_limit_for_single_ones() -> None:
    before, after = report(np.full(3, 20.0)), report(np.array([19.5, 20.0, 20.0]))
    found = {each.name: each for each in judge_quality(after, before, "onnx", Allowance())}
    dark = found["int8 through onnx, PSNR of slice dark"]
    assert dark.result == "pass" and dark.low is None and "one picture" in dark.note
    assert found["int8 through onnx, PSNR of the picture that lost most"].result == "fail"


def test_a_report_of_before_there_were_slices_still_compares() -> None:
    old = report(np.full(15, 20.0))
    old = QualityReport.model_validate({**old.model_dump(), "slices": ()})
    text = old.model_dump(exclude={"slices"})
    assert QualityReport.model_validate(text).slices == ()
    found = judge_quality(report(np.full(15, 20.0)), old, "onnx", Allowance())
    assert sum("slice" in each.name for each in found) == 3 and {each.result for each in found} == {"pass"}


def test_few_pictures_have_wider_intervals_than_the_bare_bootstrap() -> None:
    for count, wider in ((5, 2.0), (15, 1.19), (100, 1.02)):
        values = tuple(np.random.default_rng(1).standard_normal(count))
        _, low, high = mean_interval(values)
        rng = np.random.default_rng(0)
        bare = np.quantile(np.array(values)[rng.integers(0, count, (10_000, count))].mean(1), [0.005, 0.995])
        assert (high - low) / (bare[1] - bare[0]) == pytest.approx(wider, rel=0.04)
