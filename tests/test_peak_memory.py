"""The peak is that of this process since the watch began, and of what it starts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from compress import peak_memory
from compress.peak_memory import PeakMemory

MIB = 2**20


def test_memory_that_was_given_back_counts_and_what_was_before_does_not() -> None:
    with PeakMemory() as before:
        pass
    with PeakMemory() as large:
        block = bytearray(b"x" * 200 * MIB)
        del block
    with PeakMemory() as after:
        pass
    assert large.peak_bytes - before.peak_bytes > 150 * MIB
    assert large.peak_bytes - after.peak_bytes > 150 * MIB


def test_a_started_process_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak_memory, "INTERVAL_S", 0.05)
    code = "import time; block = b'x' * (200 * 2**20); print('there', flush=True); time.sleep(0.5)"
    with PeakMemory() as alone:
        pass
    with PeakMemory() as both:
        subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True)
    assert both.peak_bytes - alone.peak_bytes > 180 * MIB


def test_the_watch_ends_with_an_error() -> None:
    watch = PeakMemory()
    with pytest.raises(ValueError), watch:
        raise ValueError
    assert not watch._watch.is_alive() and watch.peak_bytes > 0
