"""Every classical method brightens, keeps size, type and its input, and says the same twice."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from compress.classical import CLASSICAL
from compress.data.source import open_data
from compress.schema import DataSpec

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def pair() -> tuple[Picture, Picture]:
    return open_data(DataSpec(licence="with scikit-image", kind="embedded", size=(96, 144), copies=1), "test").pair(0)


def test_there_are_four_and_their_names_are_told() -> None:
    assert list(CLASSICAL) == ["clahe", "gamma", "lime", "msrcr"]


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_dark_picture_gets_brighter_and_nothing_else_changes(name: str, pair: tuple[Picture, Picture]) -> None:
    dark = pair[0].copy()
    answer = CLASSICAL[name](dark)
    assert answer.shape == dark.shape and answer.dtype == np.uint8
    assert np.array_equal(dark, pair[0])
    assert answer.mean() > 1.5 * dark.mean() and answer.std() > dark.std()
    assert np.array_equal(answer, CLASSICAL[name](dark))


@pytest.mark.parametrize("name", CLASSICAL)
@pytest.mark.parametrize("size", [(16, 16), (17, 40)])
@pytest.mark.parametrize("code", [0, 9, 255])
def test_a_flat_picture_of_any_size_is_taken(name: str, size: tuple[int, int], code: int) -> None:
    answer = CLASSICAL[name](np.full((*size, 3), code, np.uint8))
    assert answer.shape == (*size, 3) and int(np.ptp(answer)) <= 1


@pytest.mark.parametrize("name", CLASSICAL)
def test_a_mirrored_picture_is_answered_by_the_mirrored_answer(name: str, pair: tuple[Picture, Picture]) -> None:
    """But for how a method lays its tiles, and rounding."""
    dark = pair[0]
    mirrored = np.ascontiguousarray(CLASSICAL[name](np.ascontiguousarray(dark[:, ::-1]))[:, ::-1])
    assert float(np.abs(mirrored.astype(int) - CLASSICAL[name](dark)).mean()) < 1.0
