"""Scores of two heads are those of each head alone."""

from __future__ import annotations

import numpy as np
import pytest

from compress.data.night import NightTruth
from compress.detection.answer import PictureAndBoxes
from compress.detection.truth import BoxTruth
from compress.errors import DataError
from compress.metrics.box_scoring import BoxScorer
from compress.metrics.detection import Boxes
from compress.metrics.night_scoring import NightScorer
from compress.metrics.scoring import Scorer
from compress.metrics.wanted import Wanted

WANTED = tuple(map(Wanted, ("map50", "vif", "map50_95")))  # type: ignore[arg-type]
VARIANTS = ("student", "int8")


def _boxes(rng: np.random.Generator, count: int) -> Boxes:
    starts = rng.random((count, 2)) * 40
    return Boxes(np.hstack((starts, starts + 20)), rng.integers(0, 2, count), rng.random(count))


def _scenes() -> list[tuple[list[PictureAndBoxes], NightTruth]]:
    rng = np.random.default_rng(0)
    scenes = []
    for labelled in (None, frozenset({0})):
        truth = NightTruth(rng.integers(0, 255, (64, 64, 3), np.uint8), BoxTruth(_boxes(rng, 3), labelled))
        mine = [
            PictureAndBoxes((truth.bright // 2 + 40 * place).astype(np.uint8), truth.boxes.boxes) for place in (0, 1)
        ]
        mine[1] = PictureAndBoxes(mine[1].picture, _boxes(rng, 4))
        scenes.append((mine, truth))
    return scenes


def test_a_row_holds_what_each_head_has_alone() -> None:
    both = NightScorer(VARIANTS, "student", WANTED)  # type: ignore[arg-type]
    pictures = Scorer(VARIANTS, "student", WANTED[1:2])  # type: ignore[arg-type]
    boxes = BoxScorer(VARIANTS, (WANTED[0], WANTED[2]))  # type: ignore[arg-type]
    for answers, truth in _scenes():
        both.add(answers, truth)
        pictures.add([each.picture for each in answers], truth.bright)
        boxes.add([each.boxes for each in answers], truth.boxes)
    for number in (0, 1):
        row, seen, found = (each.row(number, "torch", "measured") for each in (both, pictures, boxes))
        assert (row.psnr_db, row.ssim, row.psnr_to_float_db) == (seen.psnr_db, seen.ssim, seen.psnr_to_float_db)
        assert len(row.psnr_db) == 2
        for name in ("map50", "map50_95"):
            assert row.values(name) == found.values(name) and len(row.values(name)) == 1
        assert row.values("vif") == seen.values("vif") and len(row.values("vif")) == 2
    assert both.row(0, "torch", "measured").values("map50") == (1.0,)
    assert both.by_picture and "PSNR" in both.definition and "mAP" in both.definition


def test_every_metric_is_said_once_and_measured_by_its_head() -> None:
    scorer = NightScorer(VARIANTS, "student", WANTED)  # type: ignore[arg-type]
    for answers, truth in _scenes():
        scorer.add(answers, truth)
    facts = scorer.facts()
    assert [each.name for each in facts] == ["map50", "vif", "map50_95"]
    assert [each.not_measured for each in facts] == [None, None, None]
    assert "not labelled in a picture" in facts[0].definition and "not labelled" not in facts[1].definition


def test_pictures_without_any_box_are_refused() -> None:
    scorer = NightScorer(VARIANTS, "student", WANTED)  # type: ignore[arg-type]
    (answers, truth), _ = _scenes()
    empty = Boxes(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))
    scorer.add(answers, NightTruth(truth.bright, BoxTruth(empty)))
    with pytest.raises(DataError, match="no test picture has a box"):
        scorer.row(0, "torch", "measured")
