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
from compress.zero_shot.start import enlarged, started

SPEC = ZeroShot(scale=2, steps=8, width=8, teacher_width=8)
TAPS = oriented(2, 1.8, 1.0, 30)
TRUTH = photograph("coffee")[100:196, 200:296]
GIVEN = to_picture(shrunk(to_tensor(TRUTH), TAPS, 2))


class Stopped(Exception):
    pass


class StopsAt(Quiet):
    """Stops a training in its middle, after ``whole`` others."""

    def __init__(self, whole: int, done: int) -> None:
        self.whole, self.done, self.trained = whole, done, 0

    def update(self, done: float, total: float, note: str = "") -> None:
        self.trained += "loss" in note and done == total
        if "loss" in note and self.trained == self.whole and self.done <= done < total:
            raise Stopped


class Hears(Quiet):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_the_answer_is_nearer_than_cubic_and_shrinks_back(tmp_path: Path) -> None:
    y = enlarge(GIVEN, TAPS, 0.0, SPEC, tmp_path, Quiet())
    assert y.shape == TRUTH.shape
    assert psnr_db(y, TRUTH) > psnr_db(to_picture(enlarged(to_tensor(GIVEN), 2)), TRUTH) + 1
    assert psnr_db(to_picture(shrunk(to_tensor(y), TAPS, 2)), GIVEN) > 38


NO_TEACHER = {"taught": 0.0, "wanted": 0.0}
LEFT_OUT = (NO_TEACHER, *({term: 0.0} for term in ("taught", "wanted", "affinity", "consistency", "restored")))


@pytest.mark.parametrize("left_out", LEFT_OUT, ids=lambda terms: "-".join(terms))
def test_each_term_can_be_left_out_and_changes_the_answer(left_out: dict[str, float], tmp_path: Path) -> None:
    short = replace(SPEC, steps=4, projections=0, affinity=0.1)
    whole = enlarge(GIVEN, TAPS, 0.0, short, tmp_path / "whole", Quiet())
    without = enlarge(GIVEN, TAPS, 0.0, replace(short, **left_out), tmp_path / "without", Quiet())
    assert not np.array_equal(whole, without)
    assert (tmp_path / "without" / "teacher").is_dir() == (left_out != NO_TEACHER)


def test_without_steps_it_is_the_start_alone(tmp_path: Path) -> None:
    y = enlarge(GIVEN, TAPS, 0.0, replace(SPEC, steps=0), tmp_path, Quiet())
    x = to_tensor(GIVEN)
    np.testing.assert_array_equal(y, to_picture(started(x, TAPS, 2, 16)))
    assert not list(tmp_path.iterdir())


def test_noise_is_not_brought_back(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 8, GIVEN.shape)
    noisy = (GIVEN + noise).round().clip(0, 255).astype(np.uint8)
    told, untold = (enlarge(noisy, TAPS, level, SPEC, tmp_path / str(level), Quiet()) for level in (8 / 255, 0.0))
    assert psnr_db(told, TRUTH) > psnr_db(untold, TRUTH) + 1


@pytest.mark.parametrize("trained", [0, 1, 2], ids=["probe", "teacher", "student"])
def test_a_run_that_was_stopped_goes_on_to_the_same_answer(trained: int, tmp_path: Path) -> None:
    whole = enlarge(GIVEN, TAPS, 0.0, SPEC, tmp_path / "whole", Quiet())
    with pytest.raises(Stopped):
        enlarge(GIVEN, TAPS, 0.0, SPEC, tmp_path / "parts", StopsAt(trained, 6))
    heard = Hears()
    again = enlarge(GIVEN, TAPS, 0.0, SPEC, tmp_path / "parts", heard)
    assert heard.lines.count("goes on at step 8 of 8") == trained
    np.testing.assert_array_equal(again, whole)


def test_too_small_a_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="32 px a side"):
        enlarge(GIVEN[:30], TAPS, 0.0, SPEC, tmp_path, Quiet())
