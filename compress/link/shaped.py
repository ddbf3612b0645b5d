"""The check of the model's transfer: real bytes over a loopback as slow as the line, where the machine allows."""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROUNDS = 5
LEAST_S = 30.0
"""Before a check is given up."""
_WORKER = Path(__file__).with_name("shaped_worker.py")
_NEEDED = ("unshare", "ip", "tc")


@dataclass(frozen=True)
class Shaped:
    """Median time of a round in ms, and by what the loopback was shaped; None: ``not_measured`` says why."""

    transfer_ms: float | None
    shaped_by: str | None = None
    not_measured: str | None = None

    @property
    def how(self) -> str:
        """What was done, for people."""
        if self.shaped_by == "tbf":
            return (
                "measured over loopback, its rate shaped by the kernel (tbf), the round trip waited for by the program"
            )
        return "measured over loopback, rate and delay shaped by the kernel (netem)"


def measure_transfer(images: int, image_bytes: int, bandwidth_mbit: float, rtt_ms: float) -> Shaped:
    """Send ``images`` at once over the shaped loopback of a network namespace of its own, some rounds."""
    lacking = [name for name in _NEEDED if shutil.which(name) is None]
    if lacking:
        return Shaped(None, not_measured=f"this machine has no {', '.join(lacking)}")
    asked = (str(images), str(image_bytes), str(bandwidth_mbit), str(rtt_ms), str(ROUNDS))
    limit_s = LEAST_S + (ROUNDS + 1) * 4 * (rtt_ms + images * image_bytes * 8 / (bandwidth_mbit * 1000.0)) / 1000.0
    command = ["unshare", "--net", "--map-root-user", sys.executable, "-I", str(_WORKER), *asked]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        return Shaped(None, not_measured=f"it took longer than {limit_s:.0f} s")
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return Shaped(None, not_measured=f"no network namespace of its own here ({reason})")
    found = json.loads(done.stdout)
    if found["shaped_by"] is None:
        return Shaped(None, not_measured="the kernel has neither netem nor tbf")
    return Shaped(statistics.median(found["samples_ms"]), found["shaped_by"])
