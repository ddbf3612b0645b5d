"""What counts where a picture labels some classes only."""

from __future__ import annotations

import numpy as np
import pytest

from compress.detection.truth import BoxTruth, known_only
from compress.metrics.detection import Boxes, map50


def _boxes(*rows: tuple[float, int, float]) -> Boxes:
    """Boxes of 10x10 from (left, class, score)."""
    table = np.array(rows, np.float64).reshape(-1, 3)
    corners = np.stack((table[:, 0], 0 * table[:, 0], table[:, 0] + 10, 0 * table[:, 0] + 10), 1)
    return Boxes(corners, table[:, 1].astype(np.int64), table[:, 2])


FOUND = _boxes((0, 0, 0.9), (50, 0, 0.8), (1, 1, 0.7), (90, 1, 0.6))


def test_an_unlabelled_class_is_wrong_on_another_object_only() -> None:
    truth = BoxTruth(_boxes((0, 0, 1.0)), frozenset({0}))
    kept = known_only(FOUND, truth)
    assert kept.corners[:, 0].tolist() == [0, 50, 1] and kept.labels.tolist() == [0, 0, 1]
    assert truth.knows(0) and not truth.knows(1)


def test_where_all_classes_are_labelled_everything_counts() -> None:
    truth = BoxTruth(_boxes((0, 0, 1.0)))
    assert known_only(FOUND, truth) is FOUND and truth.knows(7)


def test_a_picture_without_boxes_of_some_class_knows_nothing_of_others() -> None:
    assert known_only(FOUND, BoxTruth(_boxes(), frozenset({1}))).labels.tolist() == [1, 1]


def test_unlabelled_objects_cost_no_precision() -> None:
    truths = [BoxTruth(_boxes((0, 0, 1.0)), frozenset({0})), BoxTruth(_boxes((0, 1, 1.0)), frozenset({1}))]
    found = [_boxes((0, 0, 0.5), (60, 1, 0.9)), _boxes((0, 1, 0.5), (60, 0, 0.9))]
    said = [truth.boxes for truth in truths]
    assert map50(found, said) == pytest.approx(0.5)
    assert map50([known_only(*pair) for pair in zip(found, truths, strict=True)], said) == pytest.approx(1.0)
