"""``compress search`` on networks of a few channels: real training, real OpenVINO builds, real kills."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tiny_boxes
from foreign_nets import source
from PIL import Image

from compress.cli import execute
from compress.config.load import load_plans
from compress.search.records import SearchRecord, State

Capture = pytest.CaptureFixture[str]

WORDS = (
    "recipe=tiny", "target=x86_edge", "data.size=[32,48]", "data.copies=1", "target.export.size=[32,48]",
    "target.export.builds=[openvino]", "target.export.dynamic=false", "validation.quality=[pruned, int8]",
    "target.budget.max_int8_drop_db=", "target.budget.min_gain_over_input_db=", "target.budget.min_int8_speedup=",
    "target.budget.min_fps=", "budget.max_latency_ms=1e6", "student.light_width=8",
)  # fmt: skip
SPACE = ("search.space.student.width=[16,32]", "search.space.student.depth=[2,3]")
SEARCH = (*WORDS, *SPACE, "search.trials=2", "search.train_shares=[.5,1]", "search.timed_rounds=5")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    os.environ["COMPRESS_HOME"] = str(folder)
    return folder


def studies(place: Path) -> list[Path]:
    return sorted((place / "search").glob("*"))


def record_in(place: Path) -> SearchRecord:
    (folder,) = studies(place)
    return SearchRecord.read(folder / "search.json")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Path:
    """A folder with a store and a finished search."""
    place = tmp_path_factory.mktemp("done")
    assert execute(("search", *SEARCH, "--store", str(place / "store"))) == 0
    return place


def test_the_best_is_run_in_full_and_said_how_to_have_again(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = record_in(done)
    assert [trial.state for trial in record.trials].count("trained") >= 1 and len(record.trials) == 2
    best = max((trial for trial in record.trials if trial.state == "trained"), key=lambda trial: trial.psnr_db[-1])
    assert record.chosen == best.number and record.chosen in record.pareto
    (full,) = record.full
    assert full.result == "pass" and full.bundle is not None and (Path(full.bundle) / "manifest.json").is_file()
    assert full.val_psnr_db == best.psnr_db[-1]  # the last round was the whole training
    for trial in record.trials:
        assert trial.latency is not None and trial.latency.low_ms <= trial.latency.ms <= trial.latency.high_ms
    (folder,) = studies(done)
    assert not (folder / "guides").exists() and "<svg" in (folder / "pareto.svg").read_text()
    (done / "recipes").mkdir()
    (done / "recipes" / "won.yaml").write_text((folder / "winner.yaml").read_text())
    monkeypatch.chdir(done)
    import shlex

    words = tuple(shlex.split(record.command)[2:])
    told = load_plans(words)[0]
    outside = (word for word in words if word.startswith(("target", "data.")))
    filed = load_plans(("recipe=won", *outside))[0]
    no_search = {"search": filed.recipe.search}
    assert filed.recipe == told.recipe.model_copy(update=no_search) and filed.target == told.target


def test_a_finished_search_is_read_not_made(done: Path, capsys: Capture) -> None:
    begun = time.perf_counter()
    assert execute(("search", *SEARCH, "--store", str(done / "store"))) == 0
    assert time.perf_counter() - begun < 2
    out, err = capsys.readouterr()
    assert "nothing is trained or measured again" in err and "chosen" in out and "compress run recipe=tiny" in out


def test_more_trials_go_on_with_the_same_study(done: Path, capsys: Capture) -> None:
    before = record_in(done)
    more = (*SEARCH[:-3], "search.trials=3", *SEARCH[-2:], "search.full=0")
    assert execute(("search", *more, "--store", str(done / "store"))) == 0
    after = record_in(done)
    assert after.trials[:2] == before.trials and after.reference == before.reference
    assert len(after.trials) == 3 and not after.exhausted
    assert "goes on with the study" in capsys.readouterr().err


def test_a_search_killed_in_a_trial_goes_on_to_the_same_trials(done: Path, tmp_path: Path, home: Path) -> None:
    command = [sys.executable, "-m", "compress", "search", *SEARCH, "search.full=0", "--store", str(tmp_path / "store")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 200
    try:
        while not _second_trial_trains(tmp_path) and process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        process.kill()
    assert process.wait() == -signal.SIGKILL
    (folder,) = studies(tmp_path)
    assert not (folder / "search.json").exists()
    kept = (folder / "trials.log").read_bytes()
    assert execute(tuple(command[3:])) == 0
    assert (folder / "trials.log").read_bytes().startswith(kept)
    assert not list(folder.glob(".making-*"))
    mine, whole = record_in(tmp_path).trials, record_in(done).trials[:2]
    facts = [(trial.point, trial.params, trial.size_bytes, trial.psnr_db, trial.state) for trial in mine]
    assert facts == [(trial.point, trial.params, trial.size_bytes, trial.psnr_db, trial.state) for trial in whole]


def _second_trial_trains(place: Path) -> bool:
    """One is finished, and a stage of the next is being made."""
    finished = [path for path in place.glob("search/*/trials.log") if b'"record"' in path.read_bytes()]
    return bool(finished) and any((place / "store" / ".tmp").glob("*"))


def test_an_impossible_budget_trains_nothing(tmp_path: Path, capsys: Capture) -> None:
    words = [word for word in SEARCH if not word.startswith(("budget.max_latency_ms", "search.trials"))]
    command = ("search", *words, "budget.max_latency_ms=1e-6", "search.trials=1", "--store", str(tmp_path / "store"))
    assert execute(command) == 1
    states: list[State] = [trial.state for trial in record_in(tmp_path).trials]
    assert states == ["over budget"]
    assert not list((tmp_path / "store").glob("*-*"))
    out = capsys.readouterr().out
    assert "No candidate holds all budgets. The nearest, trial" in out and "at most 1e-06" in out
    (folder,) = studies(tmp_path)
    assert "winner.yaml" not in {path.name for path in folder.iterdir()} and (folder / "pareto.svg").is_file()


def test_everything_that_can_t_be_searched_is_said_at_once(tmp_path: Path, capsys: Capture) -> None:
    wrong = (
        "search.space.student.widht=[16]", "search.space.target.threads=[1]", "search.space.target.device.threads=[1]",
        "search.space.seed=[1]", "search.space.student.light_width=[8]", "search.space.quantize=[1]",
        "search.space.distill.train.phases=[1]", "search.space.prune.keep_macs=[2,0.5]",
        "search.space.student.iterations=[3]", "search.space.student.depth=[2,2]",
    )  # fmt: skip
    assert execute(("search", *WORDS, *wrong, "--store", str(tmp_path / "store"))) == 2
    lines = capsys.readouterr().err.splitlines()
    for said in (
        "student.widht: no such key. Did you mean 'student.width'?",
        "target.threads: no such key",
        "search.space.target.device.threads: can't vary: the target is given",
        "search.space.seed: can't vary; only settings of student, distill, prune, quantize",
        "search.space.student.light_width: student.light_width is on the command line as well",
        "search.space.quantize: is a group of keys",
        "search.train_shares says how much of each phase is trained",
        "prune.keep_macs: should be at most 1, not 2",
        "search.space.student.iterations: light_twin has no such setting",
        "search.space.student.depth: 2 is listed twice",
    ):
        assert any(said in line for line in lines), (said, lines)
    assert len(lines) == 10 and not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("recipe=tiny",), "nothing to search"),
        (("recipe=tiny", "student.width=16,32"), "a search takes one plan, not a sweep of 2"),
        (
            ("recipe=teach_low_light", "data=embedded", "search.space.student.width=[16]"),
            "a search needs distill (or student), quantize",
        ),
        (("recipe=ptq", "search.space.quantize.keep_float=[[],[a]]"), "quantize.train.phases: a search compares"),
        (("recipe=adopt", "data=frames"), "data: a search compares candidates by a ground truth, and frames have none"),
        (("recipe=detect", "data.root=SET", "target.export.size=[256,256]"), "a search compares candidates by PSNR"),
        (("recipe=tinny", "search.space.studnt.width=[16]"), "student.width"),
    ],
)
def test_what_is_no_search_is_refused(words: tuple[str, ...], said: str, tmp_path: Path, capsys: Capture) -> None:
    if words[0] in ("recipe=ptq", "recipe=adopt"):
        words = (*words, *own_network(tmp_path), *((f"data.root={tmp_path}",) if "data=frames" in words else ()))
        Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(tmp_path / "a.png")
    words = tuple(word.replace("SET", str(tiny_boxes.write_set(tmp_path / "set", 4))) for word in words)
    assert execute(("search", *words, "target=x86_edge", "--store", str(tmp_path / "store"))) == 2
    assert said in capsys.readouterr().err


def test_pruning_of_a_network_of_yours(home: Path, tmp_path: Path, capsys: Capture) -> None:
    words = (
        "recipe=adopt", *WORDS[1:-1], *own_network(tmp_path), "target.channels.multiple=2",
        "prune.train.phases=[{epochs: 0.25, batch: 4}]", "quantize.train.phases=[{epochs: 0.25, batch: 4}]",
        "quantize.calibration_images=2", "validation.timed_runs=3", "validation.max_images=1",
        "package.golden_frames=1", "search.space.prune.keep_macs=[.6,1.0]", "search.trials=2",
        "search.train_shares=[1]", "search.timed_rounds=5",
    )  # fmt: skip
    assert execute(("search", *words, "--store", str(tmp_path / "store"))) == 0, capsys.readouterr()
    record = record_in(tmp_path)
    assert [trial.state for trial in record.trials] == ["trained", "trained"]
    params = {str(trial.point[0].value): trial.params for trial in record.trials}
    assert (params["0.6"] or 0) < (params["1.0"] or 0)
    (full,) = record.full
    assert full.result == "pass" and full.bundle is not None and "recipe=adopt" in record.command


def own_network(folder: Path) -> tuple[str, ...]:
    spec = source("curve.Curve", folder)
    adapter = ("colours=RGB", "range=0..1", "answers=picture", "size_multiple=1", "output=1")
    return (
        f"student.source.network={spec.network}", f"student.source.weights={spec.weights}",
        *(f"student.adapter.{word}" for word in adapter),
    )  # fmt: skip


def test_without_a_device_nothing_is_measurable(tmp_path: Path, capsys: Capture) -> None:
    command = ("search", *SEARCH, "target.device.kind=ssh", "--store", str(tmp_path / "store"))
    assert execute(command) == 3
    assert "latency can't be measured: no device: set device.host" in capsys.readouterr().err
