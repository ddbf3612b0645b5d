"""How often ``compress gate`` cries wolf on this machine, and how often it sees 5 %, by its own rounds and rule.

A/A: one build against itself. A/B: against itself and a wait of 5 % of its p50. First 500 gates are drawn from
``--rounds`` recorded rounds (300 successive ones each; for A/B the candidate's times are multiplied); then ``--gates``
gates are really run. Prints a table and writes ``artifacts/benchmarks/gate_alarms.json``.
``python benchmarks/gate_alarms.py [--rounds 4000] [--gates 30]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from compress.devices.local import exclusive
from compress.devices.runner.fingerprint import fingerprint
from compress.models import build_net
from compress.regression.judge import judge_speed
from compress.regression.measure import paired_ms
from compress.regression.records import Allowance
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import OnnxRequest, export_onnx

SIZE = (200, 304)
PER_GATE = 300
DRAWN = 500
SLOWER = 0.05
Run = Callable[[], None]


def build(folder: Path) -> Run:
    """The default student, untrained (speed does not depend on weights), through OpenVINO in float32."""
    torch.manual_seed(0)
    export_onnx(build_net("light_twin", {}).eval(), OnnxRequest(SIZE, False, 18, {}), folder / "net.onnx")
    runtime = open_runtime("openvino")
    session = runtime.load(folder, runtime.build(folder / "net.onnx", "net", folder), RunOptions(2))
    return session.prepare(np.full((1, 3, *SIZE), 0.1, np.float32))


def slowed(run: Run, wait_ms: float) -> Run:
    """``run``, and then a wait that keeps the processor busy."""

    def both() -> None:
        run()
        until = time.perf_counter() + wait_ms / 1e3
        while time.perf_counter() < until:
            pass

    return both


def failed(candidate_ms: tuple[float, ...], baseline_ms: tuple[float, ...]) -> bool:
    """What the gate makes of these rounds."""
    return judge_speed("net", candidate_ms, baseline_ms, Allowance()).result == "fail"


def drawn(candidate: tuple[float, ...], baseline: tuple[float, ...], factor: float) -> int:
    """How many of 500 windows of the recorded rounds fail with the candidate's times multiplied."""
    rng = np.random.default_rng(0)
    starts = rng.integers(0, len(candidate) - PER_GATE + 1, DRAWN)
    windows = ((candidate[at : at + PER_GATE], baseline[at : at + PER_GATE]) for at in starts)
    return sum(failed(tuple(factor * value for value in mine), theirs) for mine, theirs in windows)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4000)
    parser.add_argument("--gates", type=int, default=30)
    options = parser.parse_args()
    found: dict[str, tuple[int, int]] = {}
    with tempfile.TemporaryDirectory() as text, exclusive():
        run = build(Path(text))
        recorded = paired_ms((run, run), options.rounds, lambda *_: None)
        p50_ms = statistics.median(recorded[1])
        for name, factor in (("A/A, drawn", 1.0), (f"A/B {SLOWER:.0%}, drawn", 1 + SLOWER)):
            found[name] = drawn(*recorded, factor), DRAWN
        for name, other in (("A/A, run", run), (f"A/B {SLOWER:.0%}, run", slowed(run, SLOWER * p50_ms))):
            times = (paired_ms((other, run), PER_GATE, lambda *_: None) for _ in range(options.gates))
            found[name] = sum(failed(*each) for each in times), options.gates
    print(f"{len(recorded[0])} rounds recorded, p50 {p50_ms:.2f} ms; a gate has {PER_GATE} rounds and allows 2 %")
    print(f"{'gates':<18}{'called slower':>14}{'of':>6}{'share':>9}")
    for name, (count, gates) in found.items():
        print(f"{name:<18}{count:>14}{gates:>6}{count / gates:>9.1%}")
    out = Path("artifacts/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    rows = [{"gates": name, "called_slower": count, "of": gates} for name, (count, gates) in found.items()]
    whole = {"rows": rows, "p50_ms": p50_ms, "rounds": len(recorded[0]), "fingerprint": fingerprint()}
    (out / "gate_alarms.json").write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
