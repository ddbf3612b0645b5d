"""Killed and racing processes: real ones, stopped with SIGKILL wherever they are."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import toy_chain

from compress import flow
from compress.store import collect
from compress.store.store import Store

PLAN = toy_chain.ToyPlan()
EVENTS = 4 * 2 + 6  # each stage starts and finishes; work tells of 6 rounds
KILLS = 20


def _process(store: Path, log: Path, *flags: str) -> subprocess.Popen[str]:
    root = Path(flow.__file__).parent.parent
    command = [sys.executable, toy_chain.__file__, str(store), str(log), *flags]
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={**os.environ, "PYTHONPATH": path})


def _kill_after(process: subprocess.Popen[str], events: int, wait_s: float) -> None:
    """Let the process pass ``events`` events and go on for ``wait_s`` (it stops by itself at the next event)."""
    assert process.stdin is not None and process.stdout is not None
    for _ in range(events):
        assert process.stdout.readline()
        process.stdin.write("on\n")
        process.stdin.flush()
    time.sleep(wait_s)
    process.kill()
    process.stdin.close()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL


def _digests(store: Store) -> list[str]:
    return [outcome.artefact.digest for outcome in flow.run(PLAN, store, load=toy_chain.load).outcomes]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return _digests(Store(tmp_path_factory.mktemp("undisturbed") / "store"))


@pytest.mark.parametrize("moment", range(KILLS))
def test_a_killed_run_resumes_to_the_same_artefacts(moment: int, tmp_path: Path, undisturbed: list[str]) -> None:
    chance = random.Random(moment)
    # Every event is somebody's turn; the wait reaches into the work, the sealing or the lock that follow it.
    events = (moment * EVENTS // KILLS + chance.randint(0, 1)) % (EVENTS - 1)
    store = Store(tmp_path / "store")
    _kill_after(_process(store.root, tmp_path / "log", "--paced"), events, chance.uniform(0, 0.02))
    for entry in store.ls():  # what can be seen is whole
        assert entry.problem is None
    assert store.verify() == ()
    assert _digests(store) == undisturbed
    assert store.verify() == () and len(store.ls()) == 4
    collect.gc(store)
    assert not any(store.temporary_folder.iterdir()) and not any(store.scratch_folder.iterdir())
    assert len(store.ls()) == 4


def test_a_killed_stage_goes_on_where_it_was(tmp_path: Path, undisturbed: list[str]) -> None:
    store, log = Store(tmp_path / "store"), tmp_path / "log"
    events = 2 + 1 + 4  # source, the start of work, rounds 0 to 3 begun: three are surely kept
    _kill_after(_process(store.root, log, "--paced"), events, 0)
    plan = PLAN.having(toy_chain.StudentToy(log=str(log)))
    result = flow.run(plan, store, load=toy_chain.load)
    assert [outcome.artefact.digest for outcome in result.outcomes] == undisturbed
    lines = log.read_text().splitlines()
    assert len([line for line in lines if line.startswith("work")]) == 2
    resumed = [line for line in lines if line.startswith("resumed")]
    assert resumed in (["resumed 3"], ["resumed 4"])
    manifests = [entry.manifest for entry in store.ls() if entry.manifest is not None]
    assert {one.stage for one in manifests if one.resumed} == {"work"}


@pytest.mark.parametrize("count", [2, 3])
def test_racers_for_one_key_run_it_once(count: int, tmp_path: Path, undisturbed: list[str]) -> None:
    store, log = tmp_path / "store", tmp_path / "log"
    racers = [_process(store, log) for _ in range(count)]
    printed = [racer.communicate(timeout=120)[0].split() for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * count
    results = [[part.split(":") for part in words[1:]] for words in printed]
    assert all([digest for _, digest, _ in result] == undisturbed for result in results)
    assert len(log.read_text().splitlines()) == 1
    for stage in range(4):
        assert sorted(result[stage][2] for result in results) == ["False"] + ["True"] * (count - 1)


def test_a_waiting_racer_takes_over_from_a_killed_one(tmp_path: Path, undisturbed: list[str]) -> None:
    store, log = Store(tmp_path / "store"), tmp_path / "log"
    first = _process(store.root, log, "--paced")
    assert first.stdin is not None and first.stdout is not None
    for _ in range(5):  # into the rounds of work; stopped there, the lock held
        assert first.stdout.readline()
        first.stdin.write("on\n")
        first.stdin.flush()
    assert first.stdout.readline().startswith("update")
    second = _process(store.root, log, "--paced")
    assert second.stdin is not None and second.stdout is not None
    lines = []
    while not lines or "waiting" not in lines[-1]:
        lines.append(second.stdout.readline())
        assert lines[-1]
        second.stdin.write("on\n")
        second.stdin.flush()
    first.kill()
    first.communicate()
    out, _ = second.communicate("on\n" * 50, timeout=120)
    words = out.splitlines()[-1].split()
    assert [part.split(":")[1] for part in words[1:]] == undisturbed
    assert len([line for line in log.read_text().splitlines() if line.startswith("work")]) == 2


def test_sigterm_tidies_up(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    process = _process(store.root, tmp_path / "log", "--paced")
    assert process.stdin is not None and process.stdout is not None
    for _ in range(4):
        assert process.stdout.readline()
        process.stdin.write("on\n")
        process.stdin.flush()
    assert process.stdout.readline().startswith("update")
    assert any(store.temporary_folder.iterdir())
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert not any(store.temporary_folder.iterdir())
    assert [path.name for path in next(store.scratch_folder.iterdir()).iterdir()] == ["state"]


def test_gc_leaves_live_processes_alone(tmp_path: Path, undisturbed: list[str]) -> None:
    store = Store(tmp_path / "store")
    process = _process(store.root, tmp_path / "log", "--paced")
    assert process.stdin is not None and process.stdout is not None
    for _ in range(5):
        assert process.stdout.readline()
        process.stdin.write("on\n")
        process.stdin.flush()
    assert process.stdout.readline().startswith("update")
    collected = collect.gc(store, keep_runs=1, scratch_days=0)
    assert collected.removed == ()
    out, _ = process.communicate("on\n" * 50, timeout=60)
    assert [part.split(":")[1] for part in out.splitlines()[-1].split()[1:]] == undisturbed


@pytest.fixture
def group_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``torchrun`` tells its processes, but for their rank."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MASTER_PORT", str(one.getsockname()[1]))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("WORLD_SIZE", "2")


@pytest.mark.parametrize("trains", [True, False])
def test_followers_of_torchrun_walk_along(
    trains: bool, tmp_path: Path, undisturbed: list[str], monkeypatch: pytest.MonkeyPatch, group_of_two: None
) -> None:
    """Where rank 0 trains they do the same beside it; else they wait, for two would write into one scratch."""
    store, log = tmp_path / "store", tmp_path / "log"
    if not trains:
        monkeypatch.setenv("TOY_ALONE", "1")
    monkeypatch.setenv("RANK", "0")
    leader = _process(store, log, "--paced")
    monkeypatch.setenv("RANK", "1")
    follower = _process(store, log)
    assert leader.stdin is not None and leader.stdout is not None
    while "update 0" not in leader.stdout.readline():
        leader.stdin.write("on\n")
        leader.stdin.flush()
    for _ in range(1200 if trains else 20):  # the leader stands in its first round until the follower has begun its own
        if log.exists() and len(log.read_text().splitlines()) >= 2:
            break
        time.sleep(0.05)
    leader_out, _ = leader.communicate("on\n" * 50, timeout=60)
    follower_out, _ = follower.communicate(timeout=60)
    for out in (leader_out, follower_out):
        assert [part.split(":")[1] for part in out.splitlines()[-1].split()[1:]] == undisturbed
    assert len({line for line in log.read_text().splitlines() if line.startswith("work")}) == 1 + trains
    assert len(list((tmp_path / "runs").iterdir())) == 1
