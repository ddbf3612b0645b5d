"""What would 1,000 points on 50 boards take? A simulation of the schedule, from stage times that were measured.

The tasks are those that ``compress run … --on ray://…`` would give to a cluster (``compress.cluster.tasks``): what
points share is there once, a board runs one job at a time. Times are those of the newest artefacts of ``--store`` by
stage, or ``--time distill=3600``; all else is simulated: nodes are alike, nothing fails, moving files takes no time.
Prints a row for each number of processors with what holds the points up: the busiest kind of resource, or the longest
chain.

``python benchmarks/many_points.py [--store STORE] [--boards 50] [--seeds 20] [--cpus 8 32 128]``
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import simpy

from compress.cluster.address import ClusterAddress
from compress.cluster.tasks import Task, tasks_of
from compress.config.load import load_plans
from compress.errors import CompressError, UserError
from compress.store.manifest import Manifest
from compress.store.store import Store


@dataclass(frozen=True)
class Load:
    """What a schedule came to, in hours; ``busy``: share of the time that a kind of resource worked."""

    makespan_h: float
    longest_chain_h: float
    work_h: dict[str, float]
    busy: dict[str, float]

    @property
    def bottleneck(self) -> str:
        """What takes the largest share of the time: a kind of resource that works, or the longest chain."""
        shares = {"the longest chain": self.longest_chain_h / self.makespan_h, **self.busy}
        return max(shares, key=lambda what: shares[what])


def settings(words: list[str]) -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("artifacts/store"))
    parser.add_argument("--time", action="append", default=[], metavar="STAGE=SECONDS", help="instead of the store's")
    parser.add_argument("--recipe", default="kd_int8")
    parser.add_argument("--target", default="jetson", help="one whose boards are reached by ssh")
    parser.add_argument("--boards", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--cpus", type=int, nargs="+", default=[8, 32, 128], help="of the cluster; a task takes one")
    return parser.parse_args(words)


def stage_times(store: Store, given: Sequence[str]) -> dict[str, float]:
    """Seconds by stage: of the newest artefact that was made in one go, or as given."""
    found: dict[str, tuple[bool, str, float]] = {}
    for entry in store.ls():
        if isinstance(entry.manifest, Manifest):
            known = entry.manifest
            rank = (not known.resumed, known.created, known.wall_s)
            found[known.stage] = max(found.get(known.stage, rank), rank)
    times = {stage: rank[2] for stage, rank in found.items()}
    return times | {name: float(seconds) for name, _, seconds in (word.partition("=") for word in given)}


def simulate(tasks: Sequence[Task], times: dict[str, float], cpus: int) -> Load:
    """Every task as soon as what it takes is there; those that more points want first."""
    world = simpy.Environment()
    processors = simpy.PriorityResource(world, cpus)
    boards = {each: simpy.PriorityResource(world, 1) for each in {task.needs.board for task in tasks} if each}
    done = [world.event() for _ in tasks]
    for number, task in enumerate(tasks):
        wanted = [boards[task.needs.board]] if task.needs.board else []
        wanted += [processors] if task.needs.cpus else []
        before = [done[each] for each in task.before.values()]
        world.process(_run(world, task, times[task.name], before, wanted, done[number]))
    world.run()
    work_h = _work(tasks, times)
    makespan_h = world.now / 3600.0
    count = {"boards": len(boards), "processors": cpus}
    busy = {kind: work_h[kind] / (count[kind] * makespan_h) for kind in work_h if count[kind]}
    return Load(makespan_h, _longest(tasks, times) / 3600.0, work_h, busy)


def _run(
    world: simpy.Environment, task: Task, seconds: float, before: list[Any], wanted: list[Any], done: Any
) -> Generator[Any, Any, None]:
    yield world.all_of(before)
    requests = []
    for resource in wanted:  # the board first: a processor is not held while waiting for it
        requests.append(resource.request(priority=-len(task.points)))
        yield requests[-1]
    yield world.timeout(seconds)
    for resource, request in zip(wanted, requests, strict=True):
        resource.release(request)
    done.succeed()


def _work(tasks: Sequence[Task], times: dict[str, float]) -> dict[str, float]:
    work = {"boards": 0.0, "processors": 0.0}
    for task in tasks:
        work["boards"] += times[task.name] / 3600.0 if task.needs.board else 0.0
        work["processors"] += times[task.name] / 3600.0 * task.needs.cpus
    return work


def _longest(tasks: Sequence[Task], times: dict[str, float]) -> float:
    """Seconds of the longest chain of tasks that wait for each other; they come in an order that works."""
    ends: list[float] = []
    for task in tasks:
        ends.append(times[task.name] + max((ends[each] for each in task.before.values()), default=0.0))
    return max(ends)


def rows(options: argparse.Namespace) -> Iterator[str]:
    """The Markdown lines. Raises CompressError."""
    hosts = ",".join(f"board{number}" for number in range(options.boards))
    words = [f"recipe={options.recipe}", f"target={options.target}", "target.device.kind=ssh"]
    words += [f"target.device.host={hosts}", f"seed={','.join(map(str, range(options.seeds)))}"]
    plans = load_plans(tuple(words), tries_operators=False)
    tasks = tasks_of(plans, ClusterAddress("auto")).all
    times = stage_times(Store(options.store), options.time)
    lacking = {task.name for task in tasks} - times.keys()
    if lacking:
        names = ", ".join(sorted(lacking))
        raise UserError(f"no time of {names} in {options.store}; run the recipe once, or give --time STAGE=SECONDS")
    counts: dict[str, int] = {}
    for task in tasks:
        counts[task.name] = counts.get(task.name, 0) + 1
    said = ", ".join(f"{count} x {name} of {times[name]:.0f} s" for name, count in counts.items())
    yield f"{len(plans)} points on {options.boards} boards are {len(tasks)} tasks: {said}. Simulated from these times."
    yield ""
    yield "| processors | hours | one after the other | longest chain, h | processors busy | boards busy | held up by |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    whole_h = sum(times[task.name] for task in tasks) / 3600.0
    for cpus in options.cpus:
        load = simulate(tasks, times, cpus)
        busy = (f"{100 * load.busy.get(kind, 0.0):.0f} %" for kind in ("processors", "boards"))
        chain = f"{load.longest_chain_h:.2f}"
        yield f"| {cpus} | {load.makespan_h:.2f} | {whole_h:.1f} | {chain} | {' | '.join(busy)} | {load.bottleneck} |"


def main(words: list[str]) -> int:
    """Print the table; 2 for a mistake."""
    options = settings(words)
    with suppress(BrokenPipeError):
        try:
            for line in rows(options):
                print(line, flush=True)
        except CompressError as error:
            print(f"error: {error}", file=sys.stderr)
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
