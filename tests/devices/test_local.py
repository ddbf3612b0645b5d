"""This machine as a device: order and number of runs, percentiles, the lock, the fingerprint."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.devices.local import exclusive
from compress.devices.runner import timing
from compress.devices.runner.fingerprint import device_name, fingerprint, stable_facts
from compress.devices.runner.timing import measure_latency, percentile, without_pause
from compress.errors import Busy
from compress.schema import DeviceSpec


def test_builds_take_turns() -> None:
    calls: list[str] = []
    samples = measure_latency({name: lambda name=name: calls.append(name) for name in "abc"}, 2, 5)  # type: ignore[misc]
    assert "".join(calls[:6]) == "aabbcc"
    assert all("".join(sorted(calls[at : at + 3])) == "abc" for at in range(6, 21, 3)) and len(calls) == 21
    assert {name: len(values) for name, values in samples.items()} == {"a": 5, "b": 5, "c": 5}


def test_every_build_comes_after_every_other_about_as_often() -> None:
    calls: list[str] = []
    measure_latency({name: lambda name=name: calls.append(name) for name in "abcd"}, 1, 200)  # type: ignore[misc]
    pairs = Counter(zip(calls[4:], calls[5:], strict=False))
    assert all(30 < pairs[one, other] < 90 for one, other in permutations("abcd", 2))


def test_samples_are_wall_milliseconds() -> None:
    (samples,) = measure_latency({"sleep": lambda: time.sleep(0.02)}, 1, 3).values()
    assert all(20 <= value < 5000 for value in samples)


def test_slow_builds_run_less_often_but_ten_times(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(10**6))
    now_ns = [0]
    monkeypatch.setattr(timing.time, "perf_counter_ns", lambda: now_ns[0] + next(clock))

    def slow() -> None:
        now_ns[0] += 350_000_000

    def slower() -> None:
        now_ns[0] += 20_000_000_000

    samples = measure_latency({"quick": lambda: None, "slow": slow, "slower": slower}, 3, 60)
    assert {name: len(values) for name, values in samples.items()} == {"quick": 60, "slow": 15, "slower": 10}
    monkeypatch.setattr(timing.time, "perf_counter", lambda: now_ns[0] / 1e9)
    samples = measure_latency({"quick": lambda: None, "slow": slow}, 3, 60, every_round=True)
    assert {len(values) for values in samples.values()} == {60}  # both in every round
    samples = measure_latency({"quick": lambda: None, "slower": slower}, 3, 60, every_round=True)
    assert {len(values) for values in samples.values()} == {30}  # and no more of them than are needed


def test_progress_is_told_after_every_round() -> None:
    told: list[tuple[int, int]] = []
    measure_latency({"a": lambda: None}, 1, 3, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_build_without_a_pause_has_a_figure_for_each_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, told = [0.0], []

    def slower_and_slower() -> None:
        now_s[0] += 0.1 + now_s[0] / 100

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now_s[0])
    lasting = without_pause(slower_and_slower, 10.0, told.append)
    assert 10.0 <= lasting.seconds < 10.3 and lasting.runs == pytest.approx(69, abs=2)
    assert lasting.quarters_p50_ms == pytest.approx((112, 137, 162, 187), abs=5)
    assert len(told) == 9 and told == sorted(told) and max(told) <= 10.0
    assert without_pause(slower_and_slower, 0.01, told.append).runs == 4  # a build slower than the time


@given(st.lists(st.floats(0.01, 1e4), min_size=1, max_size=50), st.floats(0, 1))
def test_percentiles_are_numpys(samples: list[float], share: float) -> None:
    assert percentile(tuple(samples), share) == pytest.approx(float(np.percentile(samples, 100 * share)), rel=1e-9)


_HOLDER = """
import sys, time
from pathlib import Path
from compress.devices.local import exclusive
with exclusive(folder=Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_one_measurement_at_a_time_even_after_a_kill(tmp_path: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == "held\n"
            with pytest.raises(Busy, match=f"measured by process {holder.pid} since"), exclusive(0.05, tmp_path):
                pass
        finally:
            holder.kill()
            holder.wait()
    for _ in range(2):
        with exclusive(5, tmp_path):
            assert f'"pid": {os.getpid()}' in (tmp_path / "device.lock").read_text()


def test_a_home_that_takes_no_lock_is_passed_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with exclusive(5):
        assert (tmp_path / f"compress-{os.getuid()}" / "device.lock").exists()


def test_fingerprint_has_what_a_measurement_depends_on() -> None:
    facts = fingerprint()
    assert {"cpu", "cores", "kernel", "openvino", "onnxruntime"} <= set(facts)
    assert all(isinstance(value, str) and value for value in facts.values())
    assert stable_facts() == stable_facts() and stable_facts().items() <= facts.items()
    assert facts["cpu"] in device_name()


def test_a_measurement_here_belongs_to_this_machine() -> None:
    here = DeviceSpec(kind="local").identity()
    assert here["machine"] == stable_facts() and here["threads"] == 2
    assert DeviceSpec(kind="ssh", host="board").identity()["machine"] == {}
