"""Two bundles of a detector: mAP against mAP."""

from __future__ import annotations

import math
from typing import Any

import pytest

from compress.records import MetricFacts, MetricValues, QualityReport, QualityRow
from compress.regression.judge import judge_quality
from compress.regression.records import Allowance

LOSS = Allowance().metric_loss


def report(images: tuple[str, ...] = ("a", "b"), **figures: float) -> QualityReport:
    row = QualityRow(
        variant="int8", runtime="onnx", psnr_db=(), ssim=(), psnr_gtmean_db=(),
        others=tuple(MetricValues(metric=name, values=(value,)) for name, value in figures.items()),
    )  # fmt: skip
    facts = tuple(
        MetricFacts(name=name, heading=name.upper(), unit="", higher_is_better=name != "niqe", decimals=3,
                    definition="", library="")
        for name in figures
    )  # fmt: skip
    return QualityReport(
        definition="", decoder="", data_digest="d", data_kind="boxes", images=images, rows=(row,), metrics=facts
    )


@pytest.mark.parametrize(
    ("name", "before", "after", "result"),
    [
        ("map50", 0.5, 0.5 - 2 * LOSS, "fail"), ("map50", 0.5, 0.5 - LOSS / 2, "pass"), ("map50", 0.5, 0.7, "pass"),
        ("map50", 0.5, math.nan, "fail"), ("niqe", 3.0, 3.5, "fail"), ("niqe", 3.0, 2.5, "pass"),
    ],
)  # fmt: skip
def test_a_figure_may_fall_by_a_point(name: str, before: float, after: float, result: str) -> None:
    figures: Any = ({name: after}, {name: before})
    (found,) = judge_quality(report(**figures[0]), report(**figures[1]), "onnx", Allowance())
    assert found.result == result and found.name == f"int8 through onnx, {name.upper()}" and found.low is None


def test_other_pictures_and_missing_figures_are_incomplete() -> None:
    (found,) = judge_quality(report(map50=0.5), report(("a",), map50=0.5), "onnx", Allowance())
    assert found.result == "incomplete" and found.note == "other test pictures"
    new, old = judge_quality(report(map50=0.5, map50_95=0.2), report(map50=0.5), "onnx", Allowance())
    assert new.result == "pass" and (old.result, old.note) == ("incomplete", "not measured in the baseline")
