"""How often ``compress gate`` cries wolf on this machine, and how often it sees a slower build, by its own rules.

In turn (the baseline's files are there): A/A is one build against itself, A/B against itself and a wait of 5 % of its
p50. 500 gates are drawn from ``--rounds`` recorded rounds (300 successive ones each, so they overlap; for A/B the
candidate's times are multiplied), then ``--gates`` gates of each kind are really run. Stored figures: ``--sessions``
processes, spread over the whole time, each time the build as ``validate`` does (60 runs); every two of them are
compared, both ways round, as they are and with the candidate's times multiplied; those that the gate refuses to
compare are left out and counted apart.

Prints the machine's load and a table, and writes ``artifacts/benchmarks/gate_alarms.json``.
``python benchmarks/gate_alarms.py [--rounds 4000] [--gates 30] [--sessions 12]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

import numpy as np
import torch

from compress.devices.local import exclusive
from compress.devices.runner.fingerprint import fingerprint
from compress.devices.runner.timing import measure_latency
from compress.models import build_net
from compress.records import SpeedReport, SpeedRow
from compress.regression.judge import judge_speed
from compress.regression.measure import paired_ms
from compress.regression.records import Allowance, Result
from compress.regression.stored import judge_stored
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import OnnxRequest, export_onnx

SIZE = (200, 304)
PER_GATE = 300
DRAWN = 500
SLOWER = 0.05
STORED_RUNS = 60
STORED_SLOWER = (0.0, 0.05, 0.15, 0.3)
Run = Callable[[], None]
Samples = tuple[float, ...]


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


def in_turn(runs: tuple[Run, Run], rounds: int) -> tuple[Samples, Samples]:
    """A gate's rounds; the machine is free for others between two gates."""
    with exclusive():
        return paired_ms(runs, rounds, lambda *_: None)


def failed(candidate_ms: Samples, baseline_ms: Samples) -> bool:
    """What the gate makes of these rounds."""
    return judge_speed("net", candidate_ms, baseline_ms, Allowance()).result == "fail"


def drawn(candidate: Samples, baseline: Samples, factor: float) -> int:
    """How many of 500 windows of the recorded rounds fail with the candidate's times multiplied."""
    rng = np.random.default_rng(0)
    starts = rng.integers(0, len(candidate) - PER_GATE + 1, DRAWN)
    windows = ((candidate[at : at + PER_GATE], baseline[at : at + PER_GATE]) for at in starts)
    return sum(failed(tuple(factor * value for value in mine), theirs) for mine, theirs in windows)


def session() -> SpeedReport:
    """What ``validate`` would store, from a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--as-session"], stdout=subprocess.PIPE, check=True, text=True)
    return SpeedReport.model_validate_json(done.stdout[done.stdout.index("{") :])


def be_session() -> None:
    """The process of ``session``."""
    with tempfile.TemporaryDirectory() as text, exclusive():
        facts = fingerprint()
        samples = measure_latency({"net": build(Path(text))}, 10, STORED_RUNS)["net"]
    p50 = statistics.median(samples)
    row = SpeedRow(
        build="net", variant="student", runtime="openvino", height=SIZE[0], width=SIZE[1], precision="f32",
        runs=len(samples), p50_ms=p50, p90_ms=p50, p99_ms=p50, fps=1e3 / p50, samples_ms=samples, origin="measured",
    )  # fmt: skip
    print(SpeedReport(device="this", fingerprint=facts, rows=(row,)).text())


def judged_stored(candidate: SpeedReport, baseline: SpeedReport, factor: float) -> Result:
    """What the gate makes of two sessions' stored figures, the candidate's times multiplied."""
    (row,) = candidate.rows
    times = row.model_copy(update={"samples_ms": tuple(factor * value for value in row.samples_ms)})
    slower = candidate.model_copy(update={"rows": (times,)})
    return judge_stored(("net",), slower, baseline, Allowance())[0].result


@dataclass
class Found:
    """What was recorded and counted."""

    recorded: tuple[Samples, Samples] = ((), ())
    counts: dict[str, tuple[int, int]] = field(default_factory=dict)
    sessions: list[SpeedReport] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.recorded[1])


def measure(rounds: int, gates: int, sessions: int) -> Found:
    """Record, run the gates, and every so often a session between them."""
    found = Found()
    with tempfile.TemporaryDirectory() as text:
        run = build(Path(text))
        found.recorded = in_turn((run, run), rounds)
        for name, factor in (("A/A, drawn", 1.0), (f"A/B {SLOWER:.0%}, drawn", 1 + SLOWER)):
            found.counts[name] = drawn(*found.recorded, factor), DRAWN
        slower = slowed(run, SLOWER * found.p50_ms)
        alarms, caught = 0, 0
        for gate in range(max(gates, sessions)):
            if gate < gates:
                alarms += failed(*in_turn((run, run), PER_GATE))
                caught += failed(*in_turn((slower, run), PER_GATE))
            if gate * sessions // max(gates, sessions) >= len(found.sessions):
                found.sessions.append(session())
    found.counts["A/A, run"], found.counts[f"A/B {SLOWER:.0%}, run"] = (alarms, gates), (caught, gates)
    pairs = list(permutations(found.sessions, 2))
    for slower_by in STORED_SLOWER if pairs else ():
        results = [judged_stored(*pair, 1 + slower_by) for pair in pairs]
        name = f"stored, {f'{slower_by:.0%} slower' if slower_by else 'A/A'}"
        found.counts[name] = results.count("fail"), len(pairs) - results.count("incomplete")
    return found


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4000)
    parser.add_argument("--gates", type=int, default=30)
    parser.add_argument("--sessions", type=int, default=12)
    parser.add_argument("--as-session", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.as_session:
        be_session()
        return
    before = fingerprint()
    found = measure(options.rounds, options.gates, options.sessions)
    allowed = Allowance()
    load = [facts.get("load_average_1min", "?") for facts in (before, fingerprint())]
    print(
        f"{len(found.recorded[0])} rounds recorded, p50 {found.p50_ms:.2f} ms; a gate has {PER_GATE} rounds and allows "
        f"{allowed.slowdown:.0%}, stored figures {STORED_RUNS} runs and {allowed.stored_slowdown:.0%}; load average "
        f"{load[0]} before, {load[1]} after, nice {before.get('nice', '?')}"
    )
    medians = [each.rows[0].p50_ms for each in found.sessions]
    if medians:
        pairs, compared = len(medians) * (len(medians) - 1), found.counts["stored, A/A"][1]
        print(
            f"p50 of {len(medians)} sessions: {min(medians):.2f} to {max(medians):.2f} ms; {pairs - compared} of "
            f"{pairs} pairs were not compared, for a session was disturbed or the machine busy"
        )
    print(f"{'gates':<20}{'called slower':>14}{'of':>6}{'share':>9}")
    for name, (count, gates) in found.counts.items():
        print(f"{name:<20}{count:>14}{gates:>6}{count / max(gates, 1):>9.1%}")
    out = Path("artifacts/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    rows = [{"gates": name, "called_slower": count, "of": gates} for name, (count, gates) in found.counts.items()]
    whole = {
        "rows": rows, "p50_ms": found.p50_ms, "rounds": len(found.recorded[0]), "fingerprint": before,
        "sessions_p50_ms": medians,
    }  # fmt: skip
    (out / "gate_alarms.json").write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
