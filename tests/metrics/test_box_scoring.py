"""mAP of several networks over a set, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from compress.detection.truth import BoxTruth
from compress.errors import DataError
from compress.metrics.box_scoring import BoxScorer
from compress.metrics.detection import Boxes, map50, map50_95
from compress.metrics.wanted import Wanted

WANTED = (Wanted("map50"), Wanted("map50_95"), Wanted("vif"))


def _boxes(*lefts: float, side: float = 10, label: int = 0) -> Boxes:
    corners = np.array([[left, 0, left + side, side] for left in lefts], np.float64).reshape(-1, 4)
    return Boxes(corners, np.full(len(lefts), label), np.linspace(1, 0.5, len(lefts)))


def test_each_network_has_one_figure_of_the_whole_set() -> None:
    truths = [_boxes(0, 40), _boxes(20)]
    answers = [[_boxes(0, 40), _boxes(20)], [_boxes(1, 70), _boxes(20, side=7)]]
    scorer = BoxScorer(("student", "int8"), WANTED)
    for picture, truth in enumerate(truths):
        scorer.add([of[picture] for of in answers], BoxTruth(truth))
    for number, found in enumerate(answers):
        row = scorer.row(number, "onnx", "measured")
        assert row.values("map50") == (pytest.approx(map50(found, truths), abs=1e-6),)
        assert row.values("map50_95") == (pytest.approx(map50_95(found, truths), abs=1e-6),)
        assert row.psnr_db == row.ssim == () == row.values("vif") and row.measured
    said = {each.name: each for each in scorer.facts()}
    assert said["vif"].not_measured and "labelled" not in said["map50"].definition and not scorer.by_picture


def test_what_is_not_labelled_does_not_count_and_is_said() -> None:
    scorer = BoxScorer(("int8",), WANTED)
    other = _boxes(60, label=1)
    both = Boxes(*(np.concatenate(each) for each in ((other.corners, _boxes(0).corners), (other.labels, [0]), (
        other.scores, [0.3]))))  # fmt: skip
    scorer.add((both,), BoxTruth(_boxes(0), frozenset({0})))
    assert scorer.row(0, "onnx", "measured").values("map50") == (pytest.approx(1.0),)
    assert "not labelled in a picture" in scorer.facts()[0].definition


def test_a_set_without_any_box_has_no_figure() -> None:
    scorer = BoxScorer(("int8",), WANTED)
    scorer.add((_boxes(3),), BoxTruth(_boxes()))
    with pytest.raises(DataError, match="no test picture has a box"):
        scorer.row(0, "onnx", "measured")
