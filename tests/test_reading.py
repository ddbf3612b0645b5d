"""compress.reading: what training waits for its pictures, added up over attempts and trainings."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from compress.data.batches import BatchPlan
from compress.data.source import PairSource
from compress.reading import FILE, NOTHING, Reading, WaitMeter, reading_in
from compress.schema import Augment, Phase

READ_S, STEP_S = 0.02, 0.01


class Slow(PairSource):
    """Four pairs, each of which takes ``READ_S`` to read."""

    names = scenes = ("a", "b", "c", "d")

    def pair(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        time.sleep(READ_S)
        return np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16, 3), np.uint8)


@pytest.mark.parametrize("step_s", [0.0, 4 * READ_S])
def test_reading_and_waiting_are_told_apart(step_s: float) -> None:
    """Beside steps that take longer than reading nothing is waited for once it runs; else all of it."""
    plan = BatchPlan(Slow(), (Phase(epochs=2, batch=1),), Augment(), seed=0)
    meter = WaitMeter()
    for _ in plan.run(0, meter):
        time.sleep(step_s)
        with meter.apart():
            time.sleep(STEP_S)
    found = meter.reading
    assert found.steps == 8 and found.read_s >= 8 * READ_S
    assert found.steps_s == pytest.approx(time.perf_counter() - meter.started_s - meter.apart_s, abs=0.05)
    assert meter.apart_s >= 8 * STEP_S
    if step_s:
        assert found.waited_s < 0.5 * found.read_s and found.read_share < 1
    else:
        assert found.waited_s > 0.3 * found.read_s


def test_attempts_and_trainings_add_up(tmp_path: Path) -> None:
    first = Reading(steps=10, steps_s=4.0, read_s=1.0, waited_s=0.5)
    (tmp_path / "enhance1").mkdir()
    first.write(tmp_path / FILE)
    meter = WaitMeter.going_on(tmp_path)
    assert meter.before == first
    meter.steps, meter.read_s = 5, 2.0
    meter.write(tmp_path)
    first.write(tmp_path / "enhance1" / FILE)
    total = reading_in(tmp_path)
    assert total is not None and (total.steps, total.read_s, total.waited_s) == (25, 4.0, 1.0)
    assert 8.0 < total.steps_s < 18.0 and sorted(path.name for path in tmp_path.iterdir()) == ["enhance1", FILE]
    assert first.sentence == "reading 25.0% of a step's time beside it, waiting for it 12.5%"


def test_nothing_trained_and_a_damaged_file_say_nothing(tmp_path: Path) -> None:
    assert reading_in(None) is reading_in(tmp_path) is None
    (tmp_path / FILE).write_text("{")
    assert reading_in(tmp_path) is None and WaitMeter.going_on(tmp_path).before == NOTHING
    NOTHING.write(tmp_path / FILE)
    assert reading_in(tmp_path) is None
