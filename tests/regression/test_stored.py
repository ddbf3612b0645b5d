"""Stored figures: two sessions compare under an equal fingerprint only, and what differs is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from compress.records import SpeedReport, SpeedRow
from compress.regression.records import Allowance, Difference
from compress.regression.stored import differing_facts, judge_stored

NAME = "int8-onnx-32x48"
FACTS = {"cpu": "two", "cores": "2", "governor": "performance", "clock_mhz": "2000", "load_average_1min": "0.1"}


def session(p50_ms: float, seed: int = 0, runs: int = 60, **changed: str) -> SpeedReport:
    """A session of runs that jitter by 3 %."""
    samples = tuple(map(float, p50_ms * np.exp(np.random.default_rng(seed).normal(0, 0.03, runs))))
    row = SpeedRow(
        build=NAME, variant="int8", runtime="onnx", height=32, width=48, precision="int8", runs=runs, p50_ms=p50_ms,
        p90_ms=p50_ms, p99_ms=p50_ms, fps=1e3 / p50_ms, samples_ms=samples, origin="measured",
    )  # fmt: skip
    device = changed.pop("device", "local, two")
    return SpeedReport(device=device, fingerprint={**FACTS, **changed}, rows=(row,))


def judged(candidate: SpeedReport | None, baseline: SpeedReport | None, **allowed: Any) -> Difference:
    (found,) = judge_stored((NAME,), candidate, baseline, Allowance(**allowed))
    return found


def test_equal_sessions_pass_and_a_slow_one_fails() -> None:
    same, slow = judged(session(5, 1), session(5)), judged(session(6, 1), session(5))
    assert same.result == "pass" and slow.result == "fail" and slow.figure == pytest.approx(0.2, abs=0.02)
    for found in (same, slow):
        assert found.low is not None and found.figure is not None and found.high is not None
        assert found.low <= found.figure <= found.high
    assert judged(session(6, 1), session(5), stored_slowdown=0.3).result == "pass"


def test_what_changes_by_the_minute_does_not_count() -> None:
    later = session(5, 1, clock_mhz="2100", load_average_1min="0.7", clock_mhz_after="1900", temperature_c="60")
    assert differing_facts(later, session(5)) == () and judged(later, session(5)).result == "pass"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"governor": "powersave"}, "governor is powersave, was performance"),
        ({"device": "board"}, "device is board, was local, two"),
        ({"power_mode": "15W"}, "power_mode is 15W, was not known"),
        ({"governor_after": "powersave"}, "governor_after is powersave, was not known"),
    ],
)
def test_another_fingerprint_is_incomplete_and_says_which_fact(changed: dict[str, str], said: str) -> None:
    found = judged(session(5, 1, **changed), session(5))
    assert found.result == "incomplete" and found.figure is None and said in found.note


def test_what_is_not_there_is_incomplete() -> None:
    assert "the baseline has none" in judged(session(5), None).note
    assert "the candidate has none" in judged(None, session(5)).note
    few = judged(session(5, runs=10), session(5))
    assert few.result == "incomplete" and few.note == "fewer than 30 runs stored"
    (other,) = judge_stored(("other",), session(5), session(5), Allowance())
    assert other.result == "incomplete" and "no stored figures of a build that both ship" in other.note


def test_the_interval_is_wider_than_that_of_runs_in_turn() -> None:
    """A phase that is slow for both cancels in turn, and not here."""
    phase = np.repeat([1.0, 1.3, 1.0, 1.0, 1.2, 1.0], 10)
    base = session(5)
    row = base.rows[0]
    slowed = tuple(float(ms * slow) for ms, slow in zip(row.samples_ms, phase, strict=True))
    phased = base.model_copy(update={"rows": (row.model_copy(update={"samples_ms": slowed}),)})
    plain, wide = judged(session(5, 1), base), judged(phased, base)
    assert wide.high is not None and wide.low is not None and plain.high is not None and plain.low is not None
    assert wide.high - wide.low > 2 * (plain.high - plain.low)
