"""Where crops are taken: where the truth has most detail, inside it, and by the truth alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from compress.looks.box import SIDE, detail_box


def _noise(top: int, left: int, size: tuple[int, int] = (400, 600)) -> np.ndarray:  # type: ignore[type-arg]
    picture = np.full((*size, 3), 120, np.uint8)
    picture[top : top + 100, left : left + 100] = np.random.default_rng(0).integers(0, 255, (100, 100, 3))
    return picture


@pytest.mark.parametrize(("top", "left"), [(0, 0), (150, 250), (300, 500), (37, 411)])
def test_what_has_detail_is_in_the_box(top: int, left: int) -> None:
    box = detail_box(_noise(top, left))
    assert (box.height, box.width) == (SIDE, SIDE)
    assert box.top <= top and top + 100 <= box.top + box.height
    assert box.left <= left and left + 100 <= box.left + box.width


def test_a_flat_picture_has_its_first_corner_and_a_small_one_all_of_itself() -> None:
    flat = np.zeros((400, 600, 3), np.uint8)
    assert detail_box(flat).model_dump() == {"top": 0, "left": 0, "height": SIDE, "width": SIDE}
    assert detail_box(flat[:50, :70]).model_dump() == {"top": 0, "left": 0, "height": 50, "width": 70}


@settings(max_examples=40, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60), st.just(3))), st.integers(1, 40))
def test_the_box_lies_in_the_picture_and_holds_no_less_than_any_other_on_the_grid(
    truth: np.ndarray, side: int  # type: ignore[type-arg]
) -> None:  # fmt: skip
    box = detail_box(truth, side)
    assert box.top + box.height <= truth.shape[0] and box.left + box.width <= truth.shape[1]
    light = truth.astype(int).sum(axis=2)
    detail = np.zeros_like(light)
    detail[:-1] += abs(light[1:] - light[:-1])
    detail[:, :-1] += abs(light[:, 1:] - light[:, :-1])
    found = detail[box.top : box.top + box.height, box.left : box.left + box.width].sum()
    tops, lefts = (range(0, length - cut + 1, 16) for length, cut in zip(truth.shape, (box.height, box.width)))  # noqa: B905
    assert all(found >= detail[t : t + box.height, s : s + box.width].sum() for t in tops for s in lefts)
