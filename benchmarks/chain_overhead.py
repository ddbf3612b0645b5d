"""What the chain costs over its bare stage functions: keys, locks, hashing, sealing, records.

Runs the training stages of ``recipe=tiny`` bare (functions called in order, plain folders) and through the
flow, turn about in one process, and prints the ratio. ``python benchmarks/chain_overhead.py [--rounds 3]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from compress import flow
from compress.config.load import load_plans
from compress.plan import Plan
from compress.step import Done, Step, arguments, prepare
from compress.store.store import Store, Workplace
from compress.wiring import wire

TRAINING = ("teacher", "distill", "prune", "quantize")
WORDS = (
    "recipe=tiny", "target=x86_edge", "data.size=[64,96]", "target.export.size=[64,96]",
    f"stages=[{','.join(TRAINING)}]",
)  # fmt: skip


def through_the_flow(plan: Plan, folder: Path) -> tuple[float, list[Step]]:
    """Seconds of a whole run into an empty store, and its steps for the bare run."""
    started = time.perf_counter()
    flow.run(plan, store := Store(folder))
    took = time.perf_counter() - started
    done: list[Done | None] = []
    steps = []
    for current in wire(plan):
        step = prepare(current, done, {})
        sealed = store.find(step.stage.name, step.key)
        assert sealed is not None
        done.append(Done.of(step.stage, sealed))
        steps.append(step)
    return took, steps


def bare(steps: list[Step], folder: Path) -> float:
    """Seconds of the same stage functions on the same inputs, called directly."""
    started = time.perf_counter()
    for step in steps:
        out, scratch = folder / step.stage.name, folder / f"{step.stage.name}.scratch"
        out.mkdir(parents=True)
        scratch.mkdir()
        step.stage.function(**arguments(step, Workplace(out=out, scratch=scratch, resumed=False), flow.Quiet()))
    return time.perf_counter() - started


def main() -> None:
    """Run turn about, print, write ``artifacts/benchmarks/chain_overhead.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    plan = load_plans(WORDS)[0]
    chains, bares = [], []
    with tempfile.TemporaryDirectory() as temporary:
        through_the_flow(plan, Path(temporary) / "warm")  # first use of NNCF compiles its extension
        for turn in range(rounds):
            took, steps = through_the_flow(plan, Path(temporary) / f"store{turn}")
            chains.append(took)
            bares.append(bare(steps, Path(temporary) / f"bare{turn}"))
    ratio = statistics.median(c / b for c, b in zip(chains, bares, strict=True))
    result = {"chain_s": chains, "bare_s": bares, "median_ratio": ratio, "stages": TRAINING, "rounds": rounds}
    print(f"chain {statistics.median(chains):.2f} s, bare {statistics.median(bares):.2f} s, ratio {ratio:.3f} (median)")
    folder = Path("artifacts/benchmarks")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chain_overhead.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
