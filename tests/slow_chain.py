"""Toy stages that take their time, so that a test can see who runs when, and kill one in the middle.

``slow_chain.py STORE LOG`` is a command that runs a point on the cluster of ``RAY_ADDRESS``, to be interrupted.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
import time
from pathlib import Path

from toy_chain import TOYS, LimitToy, StudentToy, ToyPlan

from compress.artefacts import FloatNet, Measurements, Student, Teacher
from compress.schema import DeviceSpec, Seed
from compress.stage import Progress, Stage, stage

ROUND_S = 0.2


def note(log: str, line: str) -> None:
    """A line in the file ``log``, which may be shared by processes."""
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(line + "\n")


@stage(gives=Student, version=1)
def work(teacher: Teacher, spec: StudentToy, seed: Seed, out: Path, scratch: Path, progress: Progress) -> None:
    """A hash a round, each kept in scratch."""
    note(spec.log, f"work {os.getpid()}")
    kept = scratch / "state"
    state, begun = teacher.weights.read_bytes() + bytes([seed.seed]), 0
    if kept.is_file():
        begun, state = kept.read_bytes()[0], kept.read_bytes()[1:]
        note(spec.log, f"resumed {begun}")
    for done in range(begun, spec.rounds):
        progress.update(done, spec.rounds)
        time.sleep(ROUND_S)
        state = hashlib.sha256(state).digest()
        spare = kept.with_suffix(".new")
        spare.write_bytes(bytes([done + 1]) + state)
        os.replace(spare, kept)
        note(spec.log, f"round {done + 1}")
    (out / "net.safetensors").write_bytes(state)


@stage(gives=Measurements, version=1)
def measure(net: FloatNet, device: DeviceSpec, spec: StudentToy, limit: LimitToy, out: Path) -> None:
    """Says when it had the board, from when to when."""
    begun = time.time()
    time.sleep(2 * ROUND_S)
    (out / "speed.json").write_text(f"{net.weights.read_bytes()[0] * limit.limit}\n")
    note(spec.log, f"measured {begun} {time.time()}")


STAGES = {**TOYS, "work": work, "measure": measure}


def load(name: str) -> Stage:
    """As ``load_stage``."""
    return STAGES[name]


def point(limit: int, log: Path | None = None, host: str = "pi", rounds: int = 15) -> ToyPlan:
    """A point that shares all but its measurement with those of other limits; ``host``: the board."""
    plan = ToyPlan(stages=("source", "work", "measure", "limit", "wrap"))
    device = DeviceSpec(kind="ssh", host=host)
    return plan.having(LimitToy(limit=limit), StudentToy(rounds=rounds, log=str(log or "")), device)


def main(store: str, log: str) -> None:
    """One point of many rounds on the cluster."""
    from compress.cluster.address import ClusterAddress
    from compress.cluster.run import run_on
    from compress.cluster.table import PlainTable
    from compress.store.store import Store

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are deaf to it
    plan = point(1, Path(log), rounds=200)
    run_on([plan], ["a"], Store(Path(store)), ClusterAddress("auto"), PlainTable(print), load)


if __name__ == "__main__":
    from slow_chain import main as imported  # under its name, by which workers find its stages

    imported(sys.argv[1], sys.argv[2])
