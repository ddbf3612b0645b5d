"""Real bytes over a loopback that is as slow as the line."""

from __future__ import annotations

import subprocess

import pytest

from compress.link import shaped
from compress.link.model import bytes_ms
from compress.link.shaped import measure_transfer


def _own_network() -> bool:
    try:
        done = subprocess.run(["unshare", "--net", "--map-root-user", "true"], capture_output=True, check=False)
    except FileNotFoundError:
        return False
    return done.returncode == 0


@pytest.mark.skipif(not _own_network(), reason="no network namespace of its own here")
def test_a_line_ten_times_as_slow_takes_its_bytes_time() -> None:
    fast, slow = (measure_transfer(4, 50_000, mbit, 5.0) for mbit in (80.0, 8.0))
    if slow.transfer_ms is None or fast.transfer_ms is None:
        pytest.skip(f"{slow.not_measured}")
    assert slow.transfer_ms > bytes_ms(4 * 50_000, 8.0) + 5.0  # headers come on top
    assert slow.transfer_ms > 2 * fast.transfer_ms
    assert "over loopback" in slow.how


def test_a_machine_without_the_programs_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = measure_transfer(1, 1, 1.0, 0.0)
    assert found.transfer_ms is None and found.not_measured == "this machine has no unshare, ip, tc"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'unshare: Operation not permitted' >&2; exit 1", "(unshare: Operation not permitted)"),
        ('echo \'{"shaped_by": null, "samples_ms": []}\'', "neither netem nor tbf"),
        ("exec sleep 60", "it took longer than"),
    ],
)
def test_what_a_machine_may_refuse_is_said(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, script: str, reason: str
) -> None:
    folder = tmp_path_factory.mktemp("bin")
    for name in ("unshare", "ip", "tc"):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    monkeypatch.setattr(shaped, "LEAST_S", 1.0)
    found = measure_transfer(1, 1, 1000.0, 0.0)
    assert found.transfer_ms is None and reason in (found.not_measured or "")
