"""Intervals: they hold what they should, and no false alarms come of the noise of a real machine."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compress.regression.interval import mean_interval, median_interval
from compress.regression.judge import judge_speed
from compress.regression.records import Allowance


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60))
def test_the_figure_lies_in_its_interval(values: list[float]) -> None:
    middle, low, high = mean_interval(tuple(values))
    assert middle == pytest.approx(float(np.mean(values)), abs=1e-9)
    assert low - 1e-9 <= middle <= high + 1e-9
    middle, low, high = median_interval(tuple(values))
    assert middle == pytest.approx(float(np.median(values))) and low <= high


def test_the_mean_is_covered_nearly_as_often_as_said() -> None:
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(300):
        _, low, high = mean_interval(tuple(rng.standard_normal(40)))
        hits += low <= 0 <= high
    assert hits / 300 > 0.96


def rounds_ms(rng: np.random.Generator, slower: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """300 rounds of two builds on a shared machine: slow phases hit both, jitter and runs of twice the time each."""
    phase = np.zeros(300)
    for _ in range(3):
        start, length = rng.integers(0, 300), rng.integers(10, 60)
        phase[start : start + length] += rng.uniform(0, 0.5)

    def one(p50_ms: float) -> tuple[float, ...]:
        single = (rng.random(300) < 0.05) * rng.uniform(0.2, 1.5, 300)
        return tuple(p50_ms * np.exp(phase) * (1 + np.abs(rng.normal(0, 0.06, 300)) + single))

    return one(5.0 * (1 + slower)), one(5.0)


def _caught(rng: np.random.Generator, slower: float) -> bool:
    return judge_speed("net", *rounds_ms(rng, slower), Allowance()).result == "fail"


def test_equal_builds_are_not_called_slower() -> None:
    rng = np.random.default_rng(2)
    assert sum(_caught(rng, 0.0) for _ in range(300)) == 0


def test_five_per_cent_slower_is_caught() -> None:
    rng = np.random.default_rng(3)
    assert sum(_caught(rng, 0.05) for _ in range(100)) >= 95
