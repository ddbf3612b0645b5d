"""compress.flow: the chain as a whole, with toy stages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy_chain import TOYS, LimitToy, StudentToy, TeacherToy, ToyPlan, load

from compress import flow, step
from compress.artefacts import FloatNet, Pruned, Quantized, Student, Teacher, Verdict
from compress.errors import ConfigError, DataError, StoreError
from compress.schema import Section, Seed
from compress.stage import Link, Progress, Stage, stage
from compress.stages import STAGES
from compress.store import collect, runs
from compress.store.store import Store


class Watcher(flow.Quiet):
    def __init__(self) -> None:
        self.ran: list[str] = []
        self.reused: list[str] = []
        self.lines: list[str] = []

    def started(self, stage: str, place: int, count: int) -> Progress:
        self.ran.append(stage)
        return self

    def finished(self, outcome: flow.StageOutcome, place: int, count: int) -> None:
        if outcome.reused:
            self.reused.append(outcome.name)

    def say(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def ran(plan: ToyPlan, store: Store) -> list[str]:
    watcher = Watcher()
    flow.run(plan, store, watcher, load)
    assert sorted(watcher.ran + watcher.reused) == sorted(plan.stages)
    return watcher.ran


def test_a_chain_runs_in_order_and_then_not_again(store: Store) -> None:
    plan = ToyPlan()
    assert ran(plan, store) == ["source", "work", "limit", "wrap"]
    assert ran(plan, store) == []
    first = flow.run(plan, store, load=load)
    assert [outcome.name for outcome in first.outcomes] == list(plan.stages)
    assert all(outcome.reused for outcome in first.outcomes)
    student = first.newest(FloatNet)
    assert isinstance(student, Student) and student.weights.is_file()
    assert first.newest(Quantized) is None
    verdict = first.newest(Verdict)
    assert verdict is not None and verdict.folder.name.startswith("wrap-")


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (LimitToy(limit=2), ["limit", "wrap"]),
        (Seed(seed=4), ["work", "limit", "wrap"]),
        (StudentToy(rounds=5), ["work", "limit", "wrap"]),
        (TeacherToy(text="another"), ["source", "work", "limit", "wrap"]),
        (StudentToy(log="elsewhere"), []),
    ],
)
def test_only_what_depends_on_a_change_runs_again(
    change: Section, again: list[str], store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    ran(ToyPlan(), store)
    assert ran(ToyPlan().having(change), store) == again
    assert ran(ToyPlan(), store) == []


def test_equal_output_of_changed_input_stops_the_wave(store: Store) -> None:
    """Keys go by contents: a stage whose settings change without a change of its output stirs nobody."""

    @stage(gives=Teacher, version=1)
    def source(spec: TeacherToy, out: Path) -> None:
        (out / "net.safetensors").write_bytes(b"always the same")

    toys = {**TOYS, "source": source}
    plan = ToyPlan(stages=("source", "work", "limit"))
    flow.run(plan, store, load=toys.__getitem__)
    watcher = Watcher()
    flow.run(plan.having(TeacherToy(text="another")), store, watcher, toys.__getitem__)
    assert watcher.ran == ["source"]


def test_versions_enter_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    work = TOYS["work"]
    assert flow.key_of(work, {"teacher": "1", "labels": None}, {}) == flow.key_of(work, {"teacher": "1"}, {})
    keys = {flow.key_of(work, {"teacher": "1"}, {})}
    keys.add(flow.key_of(Stage(work.name, work.gives, 2, work.environment, work.function), {"teacher": "1"}, {}))
    keys.add(flow.key_of(Stage("play", work.gives, 1, work.environment, work.function), {"teacher": "1"}, {}))
    keys.add(flow.key_of(work, {"teacher": "2"}, {}))
    keys.add(flow.key_of(work, {"teacher": None}, {}))
    keys.add(flow.key_of(work, {"other": "1"}, {}))
    keys.add(flow.key_of(work, {"teacher": "1"}, {"Seed": {"seed": 1}}))
    link = Link("a", "k", "d", "s", 1.0, {}, None)
    keys.add(flow.key_of(work, {"teacher": "1"}, {}, ()))
    keys.add(flow.key_of(work, {"teacher": "1"}, {}, (link,)))
    monkeypatch.setattr(step, "version_of", lambda name: "99")
    keys.add(flow.key_of(work, {"teacher": "1"}, {}))
    assert len(keys) == 10


def test_time_and_commit_of_a_link_do_not_enter_the_key() -> None:
    wrap = TOYS["wrap"]
    links = [Link("a", "k", "d", "s", wall_s, {"x": "1"}, commit) for wall_s, commit in ((1.0, None), (2.0, "c"))]
    assert flow.key_of(wrap, {}, {}, (links[0],)) == flow.key_of(wrap, {}, {}, (links[1],))


def test_the_newest_of_a_kind_is_taken(store: Store) -> None:
    @stage(gives=Pruned, version=1)
    def prune(net: Student, out: Path) -> None:
        (out / "net.safetensors").write_bytes(b"\x07pruned")

    toys = {**TOYS, "prune": prune}
    flow.run(ToyPlan(stages=("source", "work", "prune", "limit")), store, load=toys.__getitem__)
    found = [entry.folder for entry in store.ls() if entry.manifest and entry.manifest.stage == "limit"]
    assert (found[0] / "verdict.json").read_text() == "7\n"


def test_check_names_all_problems_at_once() -> None:
    @stage(gives=Verdict, version=1)
    def odd(net: Quantized, spec: TeacherToy, number: int, out: Path) -> None: ...

    toys = {**TOYS, "odd": odd}
    with pytest.raises(ConfigError) as caught:
        flow.check(ToyPlan(stages=("work", "work", "odd", "wrok"), parts=(StudentToy(),)), toys.__getitem__)
    assert caught.value.problems[:5] == (
        "stage 'work' needs a Teacher, but no stage before it makes one",
        "stage 'work' reads Seed, which the plan does not have",
        "stage 'work' is named more than once; name it once",
        "stage 'odd' needs a Quantized, but no stage before it makes one",
        "stage 'odd' reads TeacherToy, which the plan does not have",
    )
    assert caught.value.problems[5].startswith("stage 'odd' can't be given its parameter 'number")
    assert caught.value.problems[6].startswith("no stage 'wrok'.")
    assert len(caught.value.problems) == 7


def test_check_of_an_empty_chain() -> None:
    with pytest.raises(ConfigError, match="no stages"):
        flow.check(ToyPlan(stages=()), load)


def test_a_chain_in_the_wrong_order_runs_nothing(store: Store) -> None:
    with pytest.raises(ConfigError, match="needs a Teacher"):
        flow.run(ToyPlan(stages=("work", "source")), store, load=load)
    assert not store.root.exists()


def test_a_failing_stage_keeps_what_came_before(store: Store) -> None:
    @stage(gives=Verdict, version=1)
    def limit(net: FloatNet, out: Path, scratch: Path) -> None:
        (out / "half").touch()
        (scratch / "state").touch()
        raise DataError("a bad picture")

    toys = {**TOYS, "limit": limit}
    with pytest.raises(DataError, match="^a bad picture$"):
        flow.run(ToyPlan(), store, load=toys.__getitem__)
    assert [entry.manifest.stage for entry in store.ls() if entry.manifest] == ["source", "work"]
    assert not any(store.temporary_folder.iterdir())
    assert [path.name for path in store.scratch_folder.rglob("state")] == ["state"]
    assert [record.state for record in runs.load_all(store.runs_folder)] == ["stopped"]
    assert ran(ToyPlan(), store) == ["limit", "wrap"]


def test_a_flipped_byte_is_refused_and_nothing_runs_on_it(store: Store) -> None:
    result = flow.run(ToyPlan(), store, load=load)
    weights = result.outcomes[1].artefact.folder / "net.safetensors"
    raw = weights.read_bytes()
    weights.write_bytes(bytes([raw[0] ^ 1]) + raw[1:])
    watcher = Watcher()
    with pytest.raises(StoreError, match=str(weights)):
        flow.run(ToyPlan().having(LimitToy(limit=9)), store, watcher, load)
    assert watcher.ran == []


def test_the_manifest_tells_how_it_came_about(store: Store) -> None:
    result = flow.run(ToyPlan(), store, load=load)
    facts = json.loads((result.outcomes[1].artefact.folder / "manifest.json").read_text())
    assert facts["inputs"] == {"teacher": result.outcomes[0].artefact.digest}
    assert facts["sections"] == {"StudentToy": {"rounds": 6}, "Seed": {"seed": 3}}
    assert facts["seed"] == 3 and facts["resumed"] is False and facts["wall_s"] > 0
    assert set(facts["versions"]) == {"pydantic", "python"}
    assert facts["key"] == result.outcomes[1].key and facts["digest"] == result.outcomes[1].artefact.digest


def test_changed_code_is_told_not_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ran(ToyPlan(), store)
    monkeypatch.setattr(flow, "current_sources", lambda stage: "changed")
    watcher = Watcher()
    flow.run(ToyPlan(), store, watcher, load)
    assert watcher.ran == [] and len(watcher.lines) == 4
    assert watcher.lines[1].startswith("work: reused, but its code has changed")


def test_dry_run_tells_as_much_as_can_be_known(store: Store) -> None:
    plan = ToyPlan()
    states = [forecast.state for forecast in flow.dry_run(plan, store, load)]
    assert states == ["to run", "unknown", "unknown", "unknown"] and not store.root.exists()
    result = flow.run(plan, store, load=load)
    cached = flow.dry_run(plan, store, load)
    assert [forecast.state for forecast in cached] == ["cached"] * 4
    assert [forecast.key for forecast in cached] == [outcome.key for outcome in result.outcomes]
    changed = flow.dry_run(plan.having(Seed(seed=9)), store, load)
    assert [forecast.state for forecast in changed] == ["cached", "to run", "unknown", "unknown"]
    assert changed[1].cost is not None and changed[1].cost.wall_s == result.outcomes[1].wall_s
    assert changed[3].cost is not None and changed[3].cost.peak_memory_bytes
    before = sorted(store.root.parent.rglob("*"))
    flow.dry_run(plan.having(Seed(seed=9)), store, load)
    assert sorted(store.root.parent.rglob("*")) == before


def test_the_run_is_recorded(store: Store) -> None:
    result = flow.run(ToyPlan(), store, load=load)
    assert result.record is not None
    record = runs.RunRecord.read(result.record)
    assert record.state == "done" and (record.recipe, record.target, record.data) == ("toy", "here", "none")
    assert [(one.stage, one.key, one.digest) for one in record.stages] == [
        (one.name, one.key, one.artefact.digest) for one in result.outcomes
    ]


def test_a_run_that_cannot_be_recorded_goes_on(store: Store) -> None:
    store.root.mkdir(parents=True)
    store.runs_folder.touch()
    watcher = Watcher()
    result = flow.run(ToyPlan(), store, watcher, load)
    assert result.record is None and len(result.outcomes) == 4
    assert len(watcher.lines) == 1 and "not recorded" in watcher.lines[0]


def test_sigterm_is_given_back(store: Store) -> None:
    before = signal.getsignal(signal.SIGTERM)
    ran(ToyPlan(), store)
    assert signal.getsignal(signal.SIGTERM) is before


def test_reuse_needs_no_heavy_imports() -> None:
    """The command's own modules and every stage's module, without what only the bodies need."""
    code = (
        "import sys; from compress import flow; from compress.store import collect;"
        "from compress.stages import STAGES, load_stage;"
        "from importlib.util import find_spec;"
        "[load_stage(n).parameters for n, m in STAGES.items() if find_spec(m)];"
        "heavy = ('torch', 'nncf', 'openvino', 'onnx', 'onnxruntime', 'skimage', 'scipy');"
        "print([n for n in heavy if n in sys.modules])"
    )
    root = Path(flow.__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_every_stage_can_be_wired() -> None:
    from compress.stage import Stage as StageClass
    from compress.stages import load_stage

    for name in STAGES:
        loaded = load_stage(name)
        assert isinstance(loaded, StageClass) and loaded.name == name and "out" in loaded.parameters


def test_gc_keeps_what_the_last_runs_used(store: Store) -> None:
    plans = [ToyPlan().having(LimitToy(limit=limit)) for limit in (1, 2, 3)]
    for plan in plans:
        flow.run(plan, store, load=load)
    assert len(store.ls()) == 2 + 3 * 2
    planned = collect.gc(store, keep_runs=2, dry_run=True)
    assert len(store.ls()) == 8 and len(runs.load_all(store.runs_folder)) == 3
    done = collect.gc(store, keep_runs=2)
    assert done == planned and done.freed_bytes > 0
    assert sorted(path.name.split("-")[0] for path in done.removed) == ["limit", "wrap"]
    assert ran(plans[1], store) == [] and ran(plans[2], store) == []
    assert ran(plans[0], store) == ["limit", "wrap"]
    assert store.verify() == ()


def test_gc_without_any_run_record_keeps_all_artefacts(store: Store) -> None:
    result = flow.run(ToyPlan(), store, load=load)
    assert result.record is not None
    result.record.unlink()
    assert collect.gc(store).removed == () and len(store.ls()) == 4


def test_gc_stops_at_a_record_it_cannot_read(store: Store) -> None:
    result = flow.run(ToyPlan(), store, load=load)
    assert result.record is not None
    result.record.write_text("{")
    with pytest.raises(StoreError, match=str(result.record)):
        collect.gc(store)
    assert len(store.ls()) == 4


def test_gc_removes_leftovers_of_the_dead(store: Store) -> None:
    result = flow.run(ToyPlan(), store, load=load)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    leftovers = [
        store.temporary_folder / f"{'a' * 64}.{os.uname().nodename}.{gone.pid}.x1",
        store.scratch_folder / result.outcomes[1].key,  # of a sealed key
        store.scratch_folder / ("b" * 64),
    ]
    young = store.scratch_folder / ("c" * 64)
    for folder in [*leftovers, young]:
        folder.mkdir()
        (folder / "state").write_bytes(bytes(100))
    old = time.time() - 8 * 86400
    for path in (leftovers[2] / "state", leftovers[2]):
        os.utime(path, (old, old))
    done = collect.gc(store)
    assert set(done.removed) == set(leftovers) and done.freed_bytes == 300
    assert young.is_dir() and len(store.ls()) == 4


def test_gc_refuses_to_keep_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="keep at least 1"):
        collect.gc(store, keep_runs=0)


def test_gc_of_a_store_that_is_not_there(store: Store) -> None:
    assert collect.gc(store).removed == () and not store.root.exists()
