"""What a recipe's task decides, what contradicts it, and that recipes without one are what they were."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.config.load import load_plans
from compress.config.tasks import OUTSIDE, for_task
from compress.errors import ConfigError
from compress.models import build_net
from compress.plan import Plan
from compress.schema import DataSpec, NamedSlice, Recipe, StudentSpec, TaskData, TaskSpec, TeachSpec
from compress.wiring import wire

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def _plan(*words: str) -> Plan:
    (plan,) = load_plans(words)
    return plan


@pytest.mark.parametrize("recipe", ["kd_int8", "tiny", "students"])
def test_recipes_without_a_task_read_what_they_read_before(recipe: str) -> None:
    for plan in load_plans((f"recipe={recipe}", "target=x86_edge")):
        sections = plan.sections
        assert type(sections[DataSpec]) is DataSpec and "task" not in sections[DataSpec].identity()
        for section in (StudentSpec, TeachSpec):
            assert "scale" not in sections[section].identity()
        names = {wired.stage.parameters[name].__name__ for wired in wire(plan) for name in wired.sections}
        assert "TaskSpec" not in names and "TaskData" not in names


def test_super_resolution_reaches_pictures_student_and_teacher() -> None:
    plan = _plan("recipe=sr", "target=x86_edge", "task.scale=3", "data.size=[96,144]")
    data = plan.sections[DataSpec]
    assert isinstance(data, TaskData) and data.task.scale == 3 and data.identity()["task"]["scale"] == 3
    assert plan.recipe.student.scale == plan.recipe.teach.scale == 3


def test_denoising_is_ready_to_run() -> None:
    data = _plan("recipe=denoise", "target=x86_edge").sections[DataSpec]
    assert isinstance(data, TaskData) and data.task.kind == "denoise"


def _problems(*words: str) -> str:
    """What is wrong, a line each; a plan that is read is a checked one."""
    with pytest.raises(ConfigError) as found:
        load_plans(words)
    return "\n".join(found.value.problems)


def test_what_goes_against_a_task_is_said() -> None:
    found = _problems("recipe=sr", "target=rk3588", "student.network=plain_cnn", "distill.train.augment.exposure=0.2")
    assert "student.network: 'plain_cnn' brightens; for task super_resolution there are: anchor_cnn" in found
    assert "distill.train.augment.exposure: darkens the input alone" in found
    assert "that enlarge can't be made" not in found
    assert "task.scale: needed, 2 or more" in _problems("recipe=sr", "target=x86_edge", "task.scale=")
    assert "of super_resolution only" in _problems("recipe=denoise", "target=x86_edge", "task.scale=2")
    asked = _problems("recipe=denoise", "target=x86_edge", "distill.train.phases.0.ask=true")
    assert "distill.train.phases.0.ask: is about brightness, which task denoise keeps; leave it out" in asked
    lit = _problems("recipe=kd_int8", "target=x86_edge", "task.kind=denoise")
    assert "teacher.weights: the built-in network brightens" in lit and "student.network: 'light_twin'" in lit


def test_a_network_of_yours_has_a_task_too(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"")
    words = (
        "recipe=ptq", "target=x86_edge", f"student.source.network={tmp_path / 'net.onnx'}",
        "student.adapter.colours=RGB", "student.adapter.range=0..1", "student.adapter.answers=picture",
        "student.adapter.size_multiple=1",
    )  # fmt: skip
    data = _plan(*words, "task.kind=denoise").sections[DataSpec]
    assert isinstance(data, TaskData) and data.task.kind == "denoise"
    found = _problems(*words, "task.kind=super_resolution", "task.scale=2")
    assert found == f"student.source: {OUTSIDE}; train one of ours: recipe=sr"


def test_weights_of_a_metric_that_are_not_there_are_said() -> None:
    words = ("recipe=kd_int8", "target=x86_edge", "validation.metrics=[psnr,musiq]")
    assert _plan(*words).recipe.validation.metrics == ("psnr", "musiq")
    found = _problems(*words, "validation.weights=[{metric: musiq, file: no.pth}]")
    assert found == "validation.weights.0: no file 'no.pth'"


def test_a_sets_own_slices_come_along() -> None:
    data = DataSpec(licence="free", kind="embedded", slices=(NamedSlice(name="faces", pictures=("astronaut-*",)),))
    recipe = Recipe(stages=("teach",), task=TaskSpec(kind="denoise"))
    told = for_task(recipe, data)[1]
    assert isinstance(told, TaskData) and told.slices == data.slices
    assert for_task(Recipe(stages=("teach",)), data)[1] is data


@pytest.mark.parametrize(("scale", "words"), [(2, ()), (3, ("student.width=28",)), (4, ("student.width=24",))])
def test_a_cameras_student_is_small_enough_at_every_scale(scale: int, words: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "frame.png").write_bytes(b"")
    plan = _plan("recipe=real_sr", "target=x86_edge", f"data.root={tmp_path}", f"task.scale={scale}", *words)
    student = plan.recipe.student
    assert student.scale == scale
    net = build_net(student.network, student.given)
    assert sum(each.numel() for each in net.parameters()) <= 60_000
    assert scale == 2 or words[0] in (ROOT / "recipes" / "real_sr.yaml").read_text()
