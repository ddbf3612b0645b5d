"""What a plan for the night gets from its folder, and what is refused by name before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_boxes

from compress.config.load import load_plans
from compress.errors import ConfigError
from compress.plan import Plan
from compress.schema import DataSpec, MetricLimit, StudentSpec, TaskData, TaskSpec, TaskWeights, TeachSpec

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_boxes.write_set(tmp_path_factory.mktemp("boxes") / "set", 8)


def _plan(root: Path, *more: str) -> Plan:
    words = ("recipe=night_multitask", "target=x86_edge", f"data.root={root}", "target.export.size=[256,256]")
    (plan,) = load_plans((*words, *more))
    return plan


def test_the_recipe_needs_a_folder_and_without_builds_no_target(root: Path) -> None:
    (short,) = load_plans(("recipe=night_multitask", f"data.root={root}", "stages=[teach,distill]"))
    plan = _plan(root)
    assert short.stages == ("teach", "distill", "control") == plan.stages[:3] and plan.recipe.teach.sees == "truth"
    assert plan.budget.max_int8_drop_db is not None
    assert plan.budget.metrics == (MetricLimit(metric="map50", max_drop=0.01),)
    data = plan.sections[DataSpec]
    assert isinstance(data, TaskData) and data.task.classes == tiny_boxes.CLASSES
    assert data.identity()["task"]["weights"] == {"boxes": 1.0, "picture": 1.0}
    for section in (StudentSpec, TeachSpec):
        assert plan.sections[section].given["classes"] == 2  # type: ignore[attr-defined]


def test_other_tasks_know_no_weights() -> None:
    assert "weights" not in TaskSpec(kind="detect", classes=("a",)).model_dump()
    assert TaskSpec(kind="night", weights=TaskWeights(boxes=2.0)).model_dump()["weights"]["boxes"] == 2.0


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("sensitivity.run=true", "stages: 'sensitivity' can't take boxes yet; leave it out"),
        ("student.network=fcos_lite", "student.network: 'fcos_lite' answers with boxes alone; for task night there"),
        ("teach.network=retinex_unet", "teach.network: 'retinex_unet' answers with pictures"),
        ("data.size=[250,256]", "data.size: 250x256, but detectors take multiples of 32"),
        ("distill.hints=[{teacher: neck, student: neck}]", "distill.hints: task night compares features by objects"),
        ("distill.train.augment.exposure=0.3", "augment.exposure: the night's camera draws the light; leave it out"),
        ("distill.retinex.colour=0.3", "distill.retinex: takes apart a teacher's picture"),
        ("teach.train.phases=[{epochs: 1, ask: true}]", "teach.train.phases.0.ask: is for pictures as truth"),
        ("task.classes=[cat]", "task.classes: cat, but"),
    ],
)
def test_what_does_not_go_with_it_is_said(root: Path, word: str, problem: str) -> None:
    with pytest.raises(ConfigError) as found:
        _plan(root, word)
    assert problem in "\n".join(found.value.problems)


def test_hints_by_objects_are_of_boxes() -> None:
    words = ("recipe=kd_int8", "target=x86_edge", "distill.hints=[{teacher: a, student: b, by: objects}]")
    with pytest.raises(ConfigError, match="by objects weighs boxes, and task enhance has none"):
        load_plans(words)
