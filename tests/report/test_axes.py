"""Round values along an axis, and the path along a front."""

from __future__ import annotations

import pytest

from compress.report.axes import round_step, round_values, staircase


@pytest.mark.parametrize(
    ("low", "high", "fewest", "step"), [(0, 10, 3, 2.5), (0, 3, 3, 1), (19.2, 20.1, 4, 0.1), (-3, 8, 4, 2.5)]
)
def test_steps_are_round_and_there_are_enough(low: float, high: float, fewest: int, step: float) -> None:
    assert round_step(low, high, fewest) == pytest.approx(step)
    values = round_values(low, high, step)
    assert len(values) >= fewest and low <= values[0] <= values[-1] <= high


def test_the_path_goes_across_and_then_up() -> None:
    assert staircase(((1.0, 9.0), (2.5, 7.25), (4.0, 1.0))) == "M1 9H2.5V7.25H4V1"
    assert staircase(()) == ""
