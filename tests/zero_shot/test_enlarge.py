from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from known_kernels import photograph

from compress.degradation.kernel import oriented, shrunk
from compress.errors import DataError
from compress.flow import Quiet
from compress.metrics import psnr_db
from compress.models.enhance import to_picture, to_tensor
from compress.zero_shot.enlarge import ZeroShot, enlarge

SPEC = ZeroShot(scale=2, steps=8, width=8, teacher_width=8)
TAPS = oriented(2, 1.8, 1.0, 30)
TRUTH = photograph("coffee")[100:196, 200:296]
GIVEN = to_picture(shrunk(to_tensor(TRUTH), TAPS, 2))


class Stopped(Exception):
    pass


class StopsAt(Quiet):
    """Stops a training in its middle."""

    def __init__(self, note: str, done: int) -> None:
        self.note, self.done, self.said = note, done, list[str]()

    def update(self, done: float, total: float, note: str = "") -> None:
        if self.note in note and done >= self.done:
            raise Stopped


class Hears(Quiet):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_the_answer_is_nearer_than_repeating_pixels_and_shrinks_back(tmp_path: Path) -> None:
    y = enlarge(GIVEN, TAPS, 0.0, SPEC, tmp_path, Quiet())
    assert y.shape == TRUTH.shape
    assert psnr_db(y, TRUTH) > psnr_db(GIVEN.repeat(2, 0).repeat(2, 1), TRUTH) + 1
    assert psnr_db(to_picture(shrunk(to_tensor(y), TAPS, 2)), GIVEN) > 38


@pytest.mark.parametrize("left_out", [{"taught": 0.0}, {"affinity": 0.0}, {"consistency": 0.0}, {"restored": 0.0}])
def test_each_term_can_be_left_out_and_changes_the_answer(left_out: dict[str, float], tmp_path: Path) -> None:
    short = replace(SPEC, steps=4, back_projections=0)
    whole = enlarge(GIVEN, TAPS, 0.0, short, tmp_path / "whole", Quiet())
    without = enlarge(GIVEN, TAPS, 0.0, replace(short, **left_out), tmp_path / "without", Quiet())
    assert not np.array_equal(whole, without)
    assert (tmp_path / "without" / "teacher").is_dir() == ("taught" not in left_out)


def test_a_run_that_was_stopped_goes_on_to_the_same_answer(tmp_path: Path) -> None:
    whole = enlarge(GIVEN, TAPS, 0.0, SPEC, tmp_path / "whole", Quiet())
    with pytest.raises(Stopped):  # the teacher is done, the student has begun
        enlarge(GIVEN, TAPS, 0.0, SPEC, tmp_path / "parts", StopsAt("loss", 6))
    heard = Hears()
    again = enlarge(GIVEN, TAPS, 0.0, SPEC, tmp_path / "parts", heard)
    assert "goes on at step 4 of 4" in heard.lines
    np.testing.assert_array_equal(again, whole)


def test_too_small_a_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="32 px a side"):
        enlarge(GIVEN[:30], TAPS, 0.0, SPEC, tmp_path, Quiet())
