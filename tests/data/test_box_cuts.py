"""A part of a picture with boxes: what is seen of them stays where it is."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.data.box_cuts import LEAST_SEEN, Window, cut
from compress.detection.truth import BoxTruth
from compress.metrics.detection import Boxes


def _truth(*corners: tuple[float, float, float, float]) -> BoxTruth:
    count = len(corners)
    return BoxTruth(Boxes(np.array(corners, float).reshape(-1, 4), np.arange(count), np.ones(count)), frozenset({0, 7}))


def _ramp() -> np.ndarray:
    rows, columns = np.mgrid[:64, :128]
    return np.stack((columns, rows, 0 * rows), -1).astype(np.uint8)


def test_all_of_it_is_the_picture_itself() -> None:
    picture, truth = _ramp(), _truth((10, 20, 30, 40))
    same, boxes = cut(picture, truth, Window(0.0, 0.0, 1.0))
    assert np.array_equal(same, picture) and np.array_equal(boxes.boxes.corners, truth.boxes.corners)
    assert boxes.labelled == truth.labelled


def test_half_of_it_is_twice_as_large() -> None:
    picture, boxes = cut(_ramp(), _truth((40, 20, 60, 40), (0, 0, 30, 14)), Window(0.25, 0.25, 0.5))
    assert picture.shape == (64, 128, 3)
    assert boxes.boxes.corners.tolist() == [[16.0, 8.0, 56.0, 48.0]] and boxes.boxes.labels.tolist() == [0]
    assert abs(int(picture[32, 64, 0]) - 64) <= 1 and abs(int(picture[32, 64, 1]) - 32) <= 1


def test_of_a_box_enough_must_be_left() -> None:
    """The window begins at x = 64; the boxes are 20 wide and reach 5 and 7 into it."""
    _, boxes = cut(_ramp(), _truth((49, 10, 69, 30), (51, 10, 71, 30)), Window(0.5, 0.0, 0.5))
    assert boxes.boxes.labels.tolist() == [1] and LEAST_SEEN == 0.3
    assert boxes.boxes.corners.tolist() == [[0.0, 20.0, 14.0, 60.0]]


@given(seed=st.integers(0, 2**31), least=st.floats(0.1, 1.0))
@settings(deadline=None, max_examples=40)
def test_boxes_stay_inside_and_no_seen_one_is_lost(seed: int, least: float) -> None:
    rng = np.random.default_rng(seed)
    window = Window.drawn(rng, least)
    assert least <= window.side <= 1 and window.left + window.side <= 1 + 1e-9 and window.top + window.side <= 1 + 1e-9
    starts = rng.random((5, 2)) * (100, 50)
    truth = _truth(*np.hstack((starts, starts + 1 + rng.random((5, 2)) * (27, 13))).tolist())
    _, found = cut(_ramp(), truth, window)
    corners = found.boxes.corners
    assert (corners[:, :2] >= 0).all() and (corners[:, 2:] <= (128, 64)).all()
    assert (corners[:, 2:] > corners[:, :2]).all()
    low, high = np.array((window.left, window.top)) * (128, 64), np.array((128, 64)) * window.side
    whole = ((truth.boxes.corners[:, :2] >= low) & (truth.boxes.corners[:, 2:] <= low + high)).all(1)
    assert set(np.flatnonzero(whole)) <= set(found.boxes.labels.tolist())
