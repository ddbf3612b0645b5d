"""What a second process brings: for one training under ``torchrun``, and for many points on a cluster.

    python benchmarks/scaling.py [--rounds 3] [--epochs 100] [--points 6] [--only cluster] [--json FILE]

Training: the distillation of ``recipe=tiny`` on the same global batch by one process of one thread, by two such
processes, and by one process of two threads, turn about. Points: seeds of that distillation without a cluster by one
command, and shared out among two side by side, which is what the cores allow; on a real Ray cluster of one node with
one processor, and of two; then of two, of which one is killed with its workers in the middle. Times are of whole
commands for points, of the stage for trainings. Efficiency is time by one / (number x time by that many). On fewer free
cores than processes the figures say so, not what the code could do.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from growing.commit import ROOT, commit
from scaling_bench.records import Commands, Points, ScalingFile, Training

from compress.console import make_console
from compress.devices.runner.fingerprint import stable_facts
from compress.store.store import Store

WORDS = ("recipe=tiny", "target=x86_edge", "stages=[teacher,distill]", "data.size=[96,128]", "data.copies=4")
COMMAND = (sys.executable, "-m", "compress", "run")
PARTS = ("trainings", "commands", "cluster", "killed")
RANKS = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *COMMAND[1:])


def settings(words: list[str]) -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=float, default=100, help="of the training; a batch has eight pictures")
    parser.add_argument("--points", type=int, default=6)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="none: all of them")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args(words)


def run(program: tuple[str, ...], words: list[str], store: Path, threads: int) -> float:
    """Seconds of a whole command. Raises subprocess.CalledProcessError."""
    began = time.monotonic()
    _ended(started(program, words, store, threads))
    return time.monotonic() - began


def started(program: tuple[str, ...], words: list[str], store: Path, threads: int) -> subprocess.Popen[bytes]:
    """The command; what it says is in ``said`` beside the store."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": path}
    command = [*program, *WORDS, *words, "--store", str(store)]
    with (store.parent / "said").open("wb") as said:
        return subprocess.Popen(command, env=environment, cwd=store.parent, stdout=said, stderr=said)


def _ended(process: subprocess.Popen[bytes]) -> None:
    if code := process.wait():
        raise subprocess.CalledProcessError(code, process.args)


def digests(store: Path) -> set[tuple[str, str]]:
    """Key and digest of everything that a run left."""
    return {(each.manifest.key, each.manifest.digest) for each in Store(store).ls() if each.manifest}


def training(processes: int, threads: int, epochs: float, folder: Path) -> tuple[float, int]:
    """Seconds of the stage, and its steps."""
    store = Path(tempfile.mkdtemp(dir=folder)) / "store"
    run(COMMAND if processes == 1 else RANKS, phases(epochs), store, threads)
    (made,) = store.glob("distill-*")
    manifest = next(each.manifest for each in Store(store).ls() if each.folder == made)
    assert manifest is not None
    return manifest.wall_s, steps_of(made)


def phases(epochs: float) -> list[str]:
    """The length of the training, as the command takes it."""
    return [f"distill.train.phases=[{{epochs: {epochs}, batch: 8}}]"]


def steps_of(made: Path) -> int:
    """How long the training was, by its curve."""
    from compress.training.loop import Curve

    return Curve.read(made / "curve.json").points[-1].step


def points(cluster: Any, count: int, epochs: float, folder: Path, kill_after_s: float | None) -> tuple[float, Path]:
    """Seconds of a command for ``count`` points, and its store; the cluster's last node dies in the middle."""
    store = Path(tempfile.mkdtemp(dir=folder)) / "store"
    seeds = ",".join(map(str, range(count)))
    killer = threading.Timer(kill_after_s or 0, _lose_last, (cluster,))
    if kill_after_s:
        killer.start()
    took = run(COMMAND, [*phases(epochs), f"seed={seeds}", "--on", "ray://auto"], store, 1)
    killer.cancel()
    return took, store


def side_by_side(count: int, options: argparse.Namespace, folder: Path) -> float:
    """Seconds until the last of ``count`` commands has ended; each has its share of the points, and its own store."""
    began = time.monotonic()
    processes = []
    for place in range(count):
        store = Path(tempfile.mkdtemp(dir=folder)) / "store"
        seeds = ",".join(map(str, range(place, options.points, count)))
        processes.append(started(COMMAND, [*phases(options.epochs), f"seed={seeds}"], store, 1))
    for process in processes:
        _ended(process)
    return time.monotonic() - began


def _lose_last(cluster: Any) -> None:
    cluster.remove_node(list(cluster.worker_nodes)[-1], allow_graceful=False)


def trainings(options: argparse.Namespace, folder: Path) -> tuple[tuple[Training, ...], int]:
    """Turn about, so that what else the machine does falls on all of them."""
    ways = ((1, 1), (2, 1), (1, 2))
    took: dict[tuple[int, int], list[float]] = {way: [] for way in ways}
    steps = 0
    for _ in range(options.rounds):
        for way in ways:
            wall_s, steps = training(*way, options.epochs, folder)
            took[way].append(wall_s)
    return tuple(Training(processes=p, threads=t, wall_s=tuple(took[p, t])) for p, t in ways), steps


def commands(options: argparse.Namespace, folder: Path) -> tuple[Commands, ...]:
    """One, and two side by side, turn about."""
    took: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(options.rounds):
        for count, walls in took.items():
            walls.append(side_by_side(count, options, folder))
    return tuple(Commands(count=count, wall_s=tuple(walls)) for count, walls in took.items())


def clusters(options: argparse.Namespace, folder: Path) -> tuple[tuple[Points, ...], int]:
    """One worker, two, and two of which one is lost; and the steps of a point's training."""
    from tests.cluster.two_nodes import nodes

    took: dict[tuple[int, bool], list[float]] = {}
    stores: dict[tuple[int, bool], list[Path]] = {}
    two_s = 0.0
    ways = ((1, False), (2, False), (2, True)) if "killed" in options.only else ((1, False), (2, False))
    for _ in range(options.rounds):
        for workers, killed in ways:
            with nodes({}, *({} for _ in range(workers - 1))) as cluster:
                points(cluster, workers, 1, folder, None)  # workers are started, and have imported what they need
                after_s = two_s / 2 if killed else None
                wall_s, store = points(cluster, options.points, options.epochs, folder, after_s)
            two_s = wall_s if workers == 2 and not killed else two_s
            took.setdefault((workers, killed), []).append(wall_s)
            stores.setdefault((workers, killed), []).append(store)
    wanted = digests(stores[1, False][0])
    rows = tuple(
        Points(workers=way[0], killed=way[1], wall_s=tuple(took[way]),
               same=all(digests(store) == wanted for store in stores[way]))
        for way in took
    )  # fmt: skip
    return rows, steps_of(next(stores[1, False][0].glob("distill-*")))


def table(found: ScalingFile) -> str:
    """Medians, and what they make of the first row's."""
    lines = ["| what | seconds | times as fast | efficiency |", "| --- | ---: | ---: | ---: |"]
    for rows in (found.trainings, found.commands, found.runs):
        if not rows:
            continue
        first = statistics.median(rows[0].wall_s)
        for row in rows:
            count, median_s = _count(row), statistics.median(row.wall_s)
            gain = first / median_s
            lines.append(f"| {_name(row, found)} | {median_s:.1f} | {gain:.2f} | {gain / count:.0%} |")
    state = f"{found.machine}, {found.cores} cores, load {found.load:.1f} before it, commit {found.commit}"
    return "\n".join([*lines, "", f"{found.steps} steps a training, {found.points} points; {state}."])


def _count(row: Training | Commands | Points) -> int:
    if isinstance(row, Training):
        return row.processes * row.threads
    return row.count if isinstance(row, Commands) else row.workers


def _name(row: Training | Commands | Points, found: ScalingFile) -> str:
    if isinstance(row, Training):
        return f"a training, {row.processes} process{'es' * (row.processes > 1)} of {row.threads} thread(s)"
    if isinstance(row, Commands):
        return f"{found.points} points, no cluster, {row.count} command(s) side by side"
    state = ", one killed in the middle" if row.killed else ""
    return f"{found.points} points, {row.workers} worker(s){state}, {'same' if row.same else 'OTHER'} digests"


def main(words: list[str]) -> int:
    """Measure, print, write; 1 where digests differ."""
    options, console = settings(words), make_console()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="scaling-") as name:
        rows: tuple[Training, ...] = ()
        plain: tuple[Commands, ...] = ()
        runs: tuple[Points, ...] = ()
        steps = 0
        if "trainings" in options.only:
            console.say("trainings")
            rows, steps = trainings(options, Path(name))
        if "commands" in options.only:
            console.say("points, without a cluster")
            plain = commands(options, Path(name))
        if {"cluster", "killed"} & set(options.only):
            console.say("points on a cluster")
            runs, steps = clusters(options, Path(name))
    facts = stable_facts()
    found = ScalingFile(
        command=f"python benchmarks/scaling.py {shlex.join(words)}".strip(), commit=commit(),
        machine=facts["cpu"], cores=int(facts["cores"]), load=load, steps=steps, points=options.points,
        trainings=rows, commands=plain, runs=runs,
    )  # fmt: skip
    if options.json:
        found.write(options.json)
    print(table(found))
    return 0 if all(each.same for each in runs) else 1


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
