"""Ray, and nothing of ours: it holds the queue, places tasks where their resources are, and retries lost ones.

Only this module knows Ray. A task takes what others make as object references, so Ray starts it when they are there.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from compress.cluster.address import ClusterAddress
from compress.cluster.outcome import Failed, Made
from compress.cluster.standing import Standing, Standings, Telling
from compress.cluster.tasks import Task
from compress.cluster.work import Job, do
from compress.errors import ClusterError, ConfigError, one_line

RETRIES = 3
"""How often a task is begun again after its worker or node was lost."""

POLL_S = 0.5
STOP_S = 10.0
"""How long stages may take to tidy up after Ctrl-C before their workers are killed."""

_SAME = "all nodes need the same Python, ray and compress"


@dataclass(frozen=True)
class _Teller:
    """Sends what a stage tells to the process that keeps the standings, without waiting for it."""

    standings: Any
    task: int

    def update(self, done: float, total: float, note: str) -> None:
        self.standings.update.remote(self.task, done, total, note)

    def say(self, line: str) -> None:
        self.standings.say.remote(self.task, line)


def _on_worker(job: Job, task: int, standings: Any, places: tuple[int, ...], *before: Made | Failed) -> Made | Failed:
    """The body of every Ray task."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background job; Ray interrupts by it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    standings.begin.remote(task, socket.gethostname())
    try:
        return do(job, dict(zip(places, before, strict=True)), Telling(_Teller(standings, task)))
    finally:
        standings.leave.remote(task)


class Engine:
    """A connection to a cluster; on leaving, what still runs there is stopped."""

    def __init__(self, cluster: ClusterAddress) -> None:
        self._cluster = cluster
        self._pending: list[Any] = []

    def __enter__(self) -> Engine:
        """Raises ClusterError."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError:
            raise ClusterError("--on needs Ray; install it with: pip install 'compress[ray]'") from None
        self._ray = ray
        try:
            ray.init(self._cluster.address, log_to_driver=False, logging_level="ERROR")
            self._standings = ray.remote(Standings).options(num_cpus=0, max_restarts=-1).remote()
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            where = self._cluster.address
            why = f"no cluster at {where}: {one_line(error)}; look with: ray status; {_SAME}"
            raise ClusterError(why) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop()
        finally:
            self._ray.shutdown()

    def check(self, tasks: Sequence[Task]) -> None:
        """Raises ConfigError with every need that no node of the cluster could ever meet."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        problems = []
        for needs in dict.fromkeys(task.needs for task in tasks):
            if not any(needs.fit(node) for node in nodes):
                stages = ", ".join(dict.fromkeys(task.name for task in tasks if task.needs == needs))
                wanted = [f"{needs.cpus} CPU"] if needs.cpus else []
                wanted += [f"{needs.gpus:g} GPU"] if needs.gpus else []
                wanted += [f"1 of '{needs.board}'"] if needs.board else []
                given = f"--num-cpus {needs.cpus}"
                given += f" --num-gpus {needs.gpus:g}" if needs.gpus else ""
                given += f" --resources '{{\"{needs.board}\": 1}}'" if needs.board else ""
                problems.append(
                    f"no node of the cluster has {' and '.join(wanted)}, for {stages}; "
                    f"start one with: ray start --address=HEAD:6379 {given}"
                )
        if problems:
            raise ConfigError(tuple(problems))

    def results(self, tasks: Sequence[Task], jobs: Sequence[Job]) -> Iterator[tuple[int, Made | Failed] | None]:
        """What becomes of each task, as they end; None now and then, so that the caller can look at ``standings``.

        Nobody waits here for a task that lacks what it needs: all are handed to Ray at once.
        """
        remote = self._ray.remote(_on_worker)
        references: list[Any] = []
        for number, (task, job) in enumerate(zip(tasks, jobs, strict=True)):
            options = remote.options(
                name=task.name, num_cpus=task.needs.cpus, num_gpus=task.needs.gpus, resources=task.needs.resources,
                max_retries=RETRIES, retry_exceptions=False,
            )  # fmt: skip
            before = [references[each] for each in task.before.values()]
            references.append(options.remote(job, number, self._standings, tuple(task.before), *before))
            self._pending.append(references[-1])
        numbers = {reference: number for number, reference in enumerate(references)}
        while self._pending:
            ended, self._pending = self._ray.wait(self._pending, num_returns=1, timeout=POLL_S)
            for reference in ended:
                number = numbers[reference]
                yield number, self._result(reference, tasks[number])
            yield None

    def standings(self) -> dict[int, Standing]:
        """How far the tasks are that were begun; nothing where that can't be known now."""
        with suppress(self._ray.exceptions.RayError):
            found: dict[int, Standing] = self._ray.get(self._standings.all.remote(), timeout=2.0)
            return found
        return {}

    def _result(self, reference: Any, task: Task) -> Made | Failed:
        try:
            result: Made | Failed = self._ray.get(reference)
            return result
        except self._ray.exceptions.RayError as error:
            line = f"{task.name}: given up after {RETRIES + 1} lost workers or nodes: {one_line(error)}"
            return Failed(task.name, ClusterError.__name__, (line,), str(error))

    def _stop(self) -> None:
        """Interrupt what runs, so that stages remove their temporary folders; kill what does not end by itself."""
        for reference in self._pending:
            self._cancel(reference, force=False)
        until = time.monotonic() + STOP_S
        while self._pending and time.monotonic() < until:
            _, self._pending = self._ray.wait(self._pending, num_returns=len(self._pending), timeout=1.0)
        # Ray calls a task ended as soon as it is interrupted; its worker may still be tidying up.
        while time.monotonic() < until and not all(each.left for each in self.standings().values()):
            time.sleep(POLL_S)
        for reference in self._pending:
            self._cancel(reference, force=True)

    def _cancel(self, reference: Any, *, force: bool) -> None:
        with suppress(self._ray.exceptions.RayError, ValueError):
            self._ray.cancel(reference, force=force)
