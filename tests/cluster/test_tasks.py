"""Which stages of many plans are one task, and what each takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_chain import LimitToy, ToyPlan, load

from compress.cluster.address import ClusterAddress
from compress.cluster.needs import LOCAL, Needs
from compress.cluster.tasks import Tasks, tasks_of
from compress.config.load import load_data, load_recipe, load_target
from compress.plan import Plan
from compress.schema import Seed

ROOT = Path(__file__).resolve().parents[2]
HERE = ClusterAddress("auto")


def _names(tasks: Tasks, plan: int) -> list[str]:
    return ["-" if each is None else f"{tasks.all[each].name}{each}" for each in tasks.chains[plan]]


def test_what_points_share_is_one_task() -> None:
    plans = (ToyPlan(), ToyPlan().having(LimitToy(limit=2)), ToyPlan().having(Seed(seed=4)))
    tasks = tasks_of(plans, HERE, load)
    assert _names(tasks, 0) == ["source0", "work1", "limit2", "wrap3"]
    assert _names(tasks, 1) == ["source0", "work1", "limit4", "wrap5"]
    assert _names(tasks, 2) == ["source0", "work6", "limit7", "wrap8"]
    assert [task.points for task in tasks.all] == [(0, 1, 2), (0, 1), (0,), (0,), (1,), (1,), (2,), (2,), (2,)]


def test_a_task_comes_after_what_it_takes() -> None:
    tasks = tasks_of((ToyPlan(),), HERE, load)
    assert [task.before for task in tasks.all] == [{}, {0: 0}, {1: 1}, {0: 0, 1: 1, 2: 2}]


def test_only_what_trains_takes_what_the_address_says() -> None:
    tasks = tasks_of((ToyPlan(),), ClusterAddress("auto", 4, 0.5), load)
    assert [task.needs for task in tasks.all] == [
        Needs(1, 0.0, None), Needs(4, 0.5, None), Needs(1, 0.0, None), Needs(1, 0.0, None),
    ]  # fmt: skip


def _shipped(target: str, **device: object) -> Plan:
    asked = load_target(ROOT / "targets" / f"{target}.yaml")
    recipe = load_recipe(ROOT / "recipes" / "kd_int8.yaml")
    changed = asked.model_copy(update={"device": asked.device.model_copy(update=device)})
    return Plan("kd_int8", target, "embedded", recipe, changed, load_data(ROOT / "calibration" / "embedded.yaml"), {})


@pytest.mark.parametrize(
    ("target", "device", "boards"),
    [
        ("x86_edge", {}, {"validate": LOCAL}),
        ("rk3588", {"host": None}, {}),
        ("rk3588", {"host": "rock"}, {"validate": "board:rock"}),
        ("jetson", {"host": "orin"}, {"export": "board:orin", "validate": "board:orin"}),
    ],
)
def test_a_board_runs_what_is_built_or_measured_on_it(
    target: str, device: dict[str, object], boards: dict[str, str]
) -> None:
    tasks = tasks_of((_shipped(target, **device),), HERE)
    assert {task.name: task.needs.board for task in tasks.all if task.needs.board} == boards


def test_what_signs_stays_with_the_command() -> None:
    plan = _shipped("x86_edge")
    assert plan.stages[-1] == "package"
    chain = tasks_of((plan,), HERE).chains[0]
    assert chain[-1] is None and None not in chain[:-1]


def test_targets_share_their_distillation() -> None:
    tasks = tasks_of((_shipped("x86_edge"), _shipped("jetson", host="orin")), HERE)
    shared = {task.name for task in tasks.all if len(task.points) == 2}
    assert {"teacher", "distill"} <= shared and not {"export", "validate", "gate"} & shared


def test_a_node_fits_what_it_has() -> None:
    needs = Needs(2, 0.0, "board:pi")
    assert needs.fit({"CPU": 2.0, "board:pi": 1.0})
    assert not needs.fit({"CPU": 1.0, "board:pi": 1.0})
    assert not needs.fit({"CPU": 8.0})
    assert Needs(0, 0.0, LOCAL).fit({LOCAL: 1.0})
