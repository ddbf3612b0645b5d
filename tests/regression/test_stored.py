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


def test_a_busy_machine_says_nothing() -> None:
    busy = judged(session(5, 1), session(5, load_average_1min="4.2"))
    assert busy.result == "incomplete" and "the baseline's load average was 4.2 on 2 cores" in busy.note
    phases = np.repeat([1.0, 1.5, 1.0, 1.0, 1.5, 1.0], 10)
    base = session(5)
    row = base.rows[0]
    samples = tuple(float(ms * slow) for ms, slow in zip(row.samples_ms, phases, strict=True))
    disturbed = base.model_copy(update={"rows": (row.model_copy(update={"samples_ms": samples}),)})
    found = judged(disturbed, session(5, 1))
    assert found.result == "incomplete"
    assert found.note.startswith("stored figures of a disturbed session: the candidate's quartiles are 1.4")


def test_the_interval_holds_the_noise_of_both_sessions() -> None:
    calm, noisy = session(5), session(5, 1)
    row = calm.rows[0]
    still = calm.model_copy(update={"rows": (row.model_copy(update={"samples_ms": (5.0,) * 60}),)})
    wide, half = judged(noisy, session(5, 2)), judged(noisy, still)
    assert wide.high is not None and wide.low is not None and half.high is not None and half.low is not None
    assert wide.high - wide.low > 1.2 * (half.high - half.low) > 0


def test_equal_sessions_hardly_ever_fail_and_a_fifth_slower_always_does() -> None:
    """Sessions whose level differs by 2 %, about as this project's own machine has them when idle."""
    rng = np.random.default_rng(0)
    levels = 5 * np.exp(rng.normal(0, 0.02, (60, 2)))
    pairs = [(float(mine), session(float(theirs), 2 * place)) for place, (mine, theirs) in enumerate(levels)]
    assert sum(judged(session(m, 2 * n + 1), t).result == "fail" for n, (m, t) in enumerate(pairs)) == 0
    slow = sum(judged(session(1.2 * m, 2 * n + 1), t).result == "fail" for n, (m, t) in enumerate(pairs))
    assert slow >= 0.95 * len(pairs)
