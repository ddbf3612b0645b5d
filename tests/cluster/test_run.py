"""Points on a real cluster of two nodes, one of whose workers is killed in the middle of the shared stage."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import slow_chain
from toy_stages import load as toys

from compress import flow
from compress.cluster.address import ClusterAddress
from compress.cluster.run import run_on
from compress.cluster.table import PlainTable
from compress.commands.run import run_plans
from compress.errors import BugElsewhere, ConfigError, UserError
from compress.flow import RunResult
from compress.store import runs
from compress.store.store import Store
from tests.cluster.two_nodes import two_nodes

LIMITS = (1, 2, 3)
pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's own: deprecated calls, unclosed pipes of its processes


@dataclass(frozen=True)
class Finished:
    """What a run left: its results, what it said, its store and the lines that its stages wrote."""

    results: tuple[RunResult | Exception, ...]
    said: tuple[str, ...]
    store: Store
    lines: tuple[str, ...]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_nodes() as both:
        yield both


def _kill_when(log: Path, line: str) -> None:
    """Kill the worker that runs ``work`` once ``line`` stands in the log."""
    for _ in range(3000):
        lines = log.read_text().splitlines() if log.is_file() else []
        if line in lines:
            worker = next(each for each in lines if each.startswith("work "))
            os.kill(int(worker.split()[1]), signal.SIGKILL)
            return
        time.sleep(0.05)


@pytest.fixture(scope="module")
def finished(cluster: Any, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("points")
    log, store, said = folder / "log", Store(folder / "store"), []
    killer = threading.Thread(target=_kill_when, args=(log, "round 4"))
    killer.start()
    plans = [slow_chain.point(limit, log) for limit in LIMITS]
    names = [f"limit {limit}" for limit in LIMITS]
    results = run_on(plans, names, store, ClusterAddress("auto"), PlainTable(said.append), slow_chain.load)
    killer.join()
    return Finished(results, tuple(said), store, tuple(log.read_text().splitlines()))


def test_it_makes_what_an_unbroken_run_in_turn_makes(finished: Finished, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    for limit, result in zip(LIMITS, finished.results, strict=True):
        alone = flow.run(slow_chain.point(limit), store, load=slow_chain.load)
        assert isinstance(result, RunResult)
        assert [(one.name, one.key, one.artefact.digest) for one in result.outcomes] == [
            (one.name, one.key, one.artefact.digest) for one in alone.outcomes
        ]
    assert finished.store.verify() == () and not any(finished.store.temporary_folder.iterdir())


def test_a_shared_stage_runs_once_and_goes_on_after_its_worker_was_killed(finished: Finished) -> None:
    begun = [line for line in finished.lines if line.startswith("work ")]
    assert len(begun) == len(set(begun)) == 2
    assert [line for line in finished.lines if line.startswith("resumed")] in (["resumed 4"], ["resumed 5"])
    assert [line for line in finished.lines if line.startswith("round")].count("round 15") == 1
    assert any("work" in line and "points 1, 2 and 3 of 3" in line for line in finished.said)


def test_a_board_runs_one_job_at_a_time(finished: Finished) -> None:
    spans = sorted(
        tuple(float(word) for word in line.split()[1:]) for line in finished.lines if line.startswith("measured")
    )
    assert len(spans) == len(LIMITS)
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))


def test_each_point_has_its_record(finished: Finished) -> None:
    records = runs.load_all(finished.store.runs_folder)
    assert [record.state for record in records] == ["done"] * len(LIMITS)
    assert all({stage.stage for stage in record.stages} == set(slow_chain.point(1).stages) for record in records)


def test_what_no_node_has_is_told_before_any_work(cluster: Any, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    plans = [slow_chain.point(1, host="away"), slow_chain.point(1, host="pi")]
    with pytest.raises(ConfigError) as caught:
        run_on(plans, ("a", "b"), store, ClusterAddress("auto", cpus=64), PlainTable(print), slow_chain.load)
    cpus, board = caught.value.problems
    assert "64 CPU, for work" in cpus and "1 of 'board:away', for measure" in board
    assert not store.root.exists()


def test_the_command_ends_and_prints_as_without_a_cluster(
    cluster: Any, workplace: Path, toy_stages: None, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("recipe=toy", "target=box,board", "student.width=16,24")
    code = run_plans(words, workplace / "one" / "store")
    alone = capsys.readouterr().out
    assert run_plans(words, workplace / "two" / "store", on="ray://auto", load=toys) == code == 3
    assert capsys.readouterr().out.replace("/two/", "/one/") == alone != ""


def test_a_mistake_ends_its_point_and_a_bug_the_run(cluster: Any, workplace: Path, toy_stages: None) -> None:
    words = ("recipe=toy", "target=box")
    with pytest.raises(UserError, match="plan 2 of 2: toy on box: no such width can be built"):
        run_plans((*words, "student.width=16,668"), workplace / "store", on="ray://auto", load=toys)
    with pytest.raises(BugElsewhere, match="RuntimeError: a bug") as caught:
        run_plans((*words, "student.width=666"), workplace / "store", on="ray://auto", load=toys)
    assert "toy_stages.py" in str(caught.value.__cause__)


def test_ctrl_c_leaves_nothing_but_scratch(cluster: Any, tmp_path: Path) -> None:
    store, log = Store(tmp_path / "store"), tmp_path / "log"
    command = subprocess.Popen([sys.executable, slow_chain.__file__, str(store.root), str(log)], cwd=tmp_path)
    while command.poll() is None and "round 2" not in (log.read_text().splitlines() if log.is_file() else []):
        time.sleep(0.05)
    command.send_signal(signal.SIGINT)
    assert command.wait(60) == -signal.SIGINT
    assert not any(store.temporary_folder.iterdir())
    scratch = next(store.scratch_folder.iterdir())
    with store.lock_if_free(scratch.name) as held:
        assert held and (scratch / "state").is_file()
    assert [record.state for record in runs.load_all(store.runs_folder)] == ["stopped"]
