"""Runs all plans on a cluster, and gives for each what ``flow.run`` would have given."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from compress.cluster.address import ClusterAddress
from compress.cluster.engine import Engine
from compress.cluster.outcome import Failed, Made, error_of, is_told
from compress.cluster.standing import Standing
from compress.cluster.table import PointsTable, ended_line, rows_of
from compress.cluster.tasks import Tasks, tasks_of
from compress.cluster.work import Job, find_made
from compress.errors import UserError
from compress.flow import Quiet, RunResult, StageOutcome, reuse_or_make
from compress.run_log import RunLog
from compress.sigterm import sigterm_raises
from compress.stages import load_stage
from compress.step import Done, Identities, prepare
from compress.store.store import Store
from compress.wiring import ChainPlan, LoadStage, wire


def run_on(
    plans: Sequence[ChainPlan], names: Sequence[str], store: Store, cluster: ClusterAddress, table: PointsTable,
    load: LoadStage = load_stage,
) -> tuple[RunResult | UserError, ...]:  # fmt: skip
    """What comes of each plan, in order; ``names``: what the table calls them.

    A point that can't go on does not keep the others from it. Raises ConfigError before any work, ClusterError where
    there is no cluster, BugElsewhere; on Ctrl-C and SIGTERM the workers are stopped first.
    """
    tasks = tasks_of(plans, cluster, load)
    jobs = [Job(plans[task.plan], task.place, store.root, Path.cwd(), load) for task in tasks.all]
    ended: dict[int, Made | Failed] = {}
    results: dict[int, RunResult | UserError] = {}
    with sigterm_raises(), ExitStack() as stack:
        engine = stack.enter_context(Engine(cluster))
        engine.check(tasks.all)
        stack.enter_context(table)
        points = [stack.enter_context(_Point(plan, store, table, load)) for plan in plans]
        told = _Told(table)
        for result in engine.results(tasks.all, jobs):
            if result is None:
                standings = engine.standings()
                told.tell(standings, tasks)
                table.show(rows_of(names, tasks, ended, standings))
                continue
            number, outcome = result
            ended[number] = outcome
            _check_no_bug(outcome)
            table.say(ended_line(tasks, number, outcome, len(plans)))
            for each in tasks.all[number].points:
                points[each].passed(tasks.chains[each].index(number), outcome)
                if each not in results and points[each].settled(tasks.chains[each]):
                    results[each] = points[each].result()
    return tuple(results[each] for each in range(len(plans)))


def _check_no_bug(outcome: Made | Failed) -> None:
    if isinstance(outcome, Failed) and not is_told(error := error_of(outcome)):
        raise error


class _Told:
    """Says each line of a worker once."""

    def __init__(self, table: PointsTable) -> None:
        self._table = table
        self._count: dict[int, int] = {}

    def tell(self, standings: dict[int, Standing], tasks: Tasks) -> None:
        for number, standing in standings.items():
            for line in standing.said[self._count.get(number, 0) :]:
                self._table.say(f"{tasks.all[number].name:<10} {line}")
            self._count[number] = len(standing.said)


class _Point:
    """One plan on its way: its record, what is there of it, and in the end its result."""

    def __init__(self, plan: ChainPlan, store: Store, table: PointsTable, load: LoadStage) -> None:
        self._store, self._wires = store, wire(plan, load)
        self._made: dict[int, StageOutcome] = {}
        self._done: list[Done | None] = [None] * len(self._wires)
        self._failed: Failed | None = None
        self._begun = time.perf_counter()
        self._log = RunLog(plan, store, _Saying(table))

    def __enter__(self) -> _Point:
        self._log.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        stopped = UserError if self._failed else None
        self._log.__exit__(kind or stopped, error, trace)

    def passed(self, place: int, outcome: Made | Failed) -> None:
        """A stage of this point has ended on the cluster."""
        if isinstance(outcome, Failed):
            self._failed = self._failed or outcome
            return
        sealed = find_made(self._store, outcome)
        self._keep(place, Done.of(self._wires[place].stage, sealed), outcome)

    def settled(self, chain: tuple[int | None, ...]) -> bool:
        """Whether nothing more of it comes from the cluster; ``chain``: its tasks by place."""
        there = all(task is None or place in self._made for place, task in enumerate(chain))
        return there or self._failed is not None

    def result(self) -> RunResult | UserError:
        """Run what stays with the command, and give what the whole chain made."""
        if self._failed is not None:
            error = error_of(self._failed)
            assert isinstance(error, UserError)
            return error
        identities: Identities = {}
        for place, current in enumerate(self._wires):
            if place in self._made:
                continue
            step = prepare(current, self._done[:place], identities)
            try:
                sealed, reused = reuse_or_make(step, self._store, Quiet(), place + 1, len(self._wires))
            except UserError as error:
                return error
            facts = sealed.manifest
            made = Made(step.stage.name, step.key, facts.digest, reused, facts.wall_s)
            self._keep(place, Done.of(step.stage, sealed), made)
        outcomes = tuple(self._made[place] for place in range(len(self._wires)))
        return RunResult(outcomes, time.perf_counter() - self._begun, self._log.path)

    def _keep(self, place: int, done: Done, made: Made) -> None:
        self._done[place] = done
        self._made[place] = StageOutcome(made.stage, done.artefact, made.key, made.reused, made.wall_s)
        self._log.reached(made.stage, made.key)
        self._log.passed(self._made[place])


class _Saying(Quiet):
    """An observer that only passes lines on."""

    def __init__(self, table: PointsTable) -> None:
        self._table = table

    def say(self, line: str) -> None:
        self._table.say(line)
