"""Pictures and their boxes are moved by the same."""

from __future__ import annotations

import numpy as np
import pytest

from compress.detection.placing import Fit, placed, placing


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
@pytest.mark.parametrize("size", [(40, 80), (90, 30), (64, 64), (33, 51)])
def test_a_box_lies_on_its_object_wherever_the_picture_goes(size: tuple[int, int], fit: Fit) -> None:
    picture = np.zeros((*size, 3), np.uint8)
    box = (size[1] // 4, size[0] // 4, size[1] // 4 * 3, size[0] // 4 * 3)
    picture[box[1] : box[3], box[0] : box[2]] = (250, 0, 0)
    where = placing(size, (64, 64), fit)
    made = placed(picture, (64, 64), where)
    rows, columns = np.nonzero((made[..., 0] > 125) & (made[..., 1] < 60))
    seen = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    (moved,) = where.moved(np.array([box], np.float64))
    assert made.shape == (64, 64, 3) and np.abs(np.array(seen) - moved).max() <= 1.5
    assert where.back(moved[None])[0] == pytest.approx(box)


def test_a_letterbox_keeps_the_sides_ratio_and_is_grey_around() -> None:
    made = placed(np.zeros((20, 80, 3), np.uint8), (64, 64), placing((20, 80), (64, 64), "letterbox"))
    assert np.unique(made[:24]).tolist() == [114] == np.unique(made[40:]).tolist() and made[24:40].max() == 0


def test_a_picture_of_the_size_stays_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
    assert placed(picture, (32, 64), placing((32, 64), (32, 64), "letterbox")) is picture
