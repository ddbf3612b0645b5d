"""Boxes are drawn where they are."""

from __future__ import annotations

import numpy as np

from compress.detection.draw import SHOWN_SCORE, drawn_boxes
from compress.metrics.detection import Boxes


def test_frames_lie_on_the_boxes_and_unsure_ones_are_left_out() -> None:
    picture = np.full((60, 80, 3), 50, np.uint8)
    boxes = Boxes(
        np.array([[10, 20, 40, 50], [50, 20, 70, 50]], np.float64), np.array([0, 1]), np.array([0.9, SHOWN_SCORE / 2])
    )
    drawn = drawn_boxes(picture, boxes, ("car",), scores=True)
    changed = (drawn != picture).any(2)
    assert changed[20:50, 10].all() and changed[49, 10:40].all() and not changed[25:45, 15:35].any()
    assert not changed[25:, 50:].any() and picture.max() == 50
    truth = drawn_boxes(picture, boxes, ("car",), scores=False)  # a class without a name has a number
    assert (truth != picture).any(2)[30:50, 50].all()


def test_the_three_surest_are_drawn() -> None:
    picture = np.zeros((64, 160, 3), np.uint8)
    corners = np.array([[10 + 30 * place, 40, 30 + 30 * place, 60] for place in range(4)], np.float64)
    boxes = Boxes(corners, np.zeros(4, np.int64), np.array([0.5, 0.4, 0.9, 0.6]))
    drawn = drawn_boxes(picture, boxes, ("",), scores=True)
    sides = [drawn[50, int(left)].any() for left in corners[:, 0]]
    assert sides == [True, False, True, True]
