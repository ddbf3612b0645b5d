"""What a plan for boxes gets from its folder, and what is refused by name before any work."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_boxes

from compress.config.load import load_plans
from compress.errors import ConfigError
from compress.plan import Plan
from compress.schema import Budget, DataSpec, MetricLimit, StudentSpec, TaskData, TaskSpec, TeachSpec
from compress.schema.target import OF_PICTURES

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_boxes.write_set(tmp_path_factory.mktemp("boxes") / "set", 8)


def _words(root: Path, *more: str) -> tuple[str, ...]:
    return ("recipe=detect", "target=x86_edge", f"data.root={root}", "target.export.size=[256,256]", *more)


def _plan(root: Path, *more: str) -> Plan:
    (plan,) = load_plans(_words(root, *more))
    return plan


def _problems(*words: str) -> str:
    with pytest.raises(ConfigError) as found:
        load_plans(words)
    return "\n".join(found.value.problems)


def test_classes_come_from_the_folder(root: Path) -> None:
    plan = _plan(root)
    data = plan.sections[DataSpec]
    assert isinstance(data, TaskData) and data.task.classes == tiny_boxes.CLASSES == plan.recipe.task.classes
    for section in (StudentSpec, TeachSpec):
        assert plan.sections[section].given["classes"] == 2  # type: ignore[attr-defined]
    assert data.identity()["task"]["classes"] == ["square", "disc"]


def test_budgets_of_pictures_are_left_out_and_the_recipes_limits_taken(root: Path) -> None:
    budget = _plan(root).budget
    assert all(getattr(budget, name) is None for name in OF_PICTURES) and budget.max_params == 50_000
    assert budget.metrics == (MetricLimit(metric="map50", max_drop=0.02),)
    own = _plan(root, "target.budget.metrics=[{metric: map50, min: 0.5}]").budget
    assert own.metrics == (MetricLimit(metric="map50", min=0.5),)


def test_sections_of_pictures_are_what_they_were() -> None:
    assert "classes" not in TaskSpec(kind="denoise").model_dump()
    assert "max_drop" not in str(Budget(metrics=(MetricLimit(metric="vif", min=0.4),)).identity())
    assert not {"classes", "scale"} & TeachSpec().identity().keys() and "classes" not in StudentSpec().identity()


@pytest.mark.parametrize(
    ("word", "problem"),
    [
        ("data.size=[250,256]", "data.size: 250x256, but detectors take multiples of 32"),
        ("data.size=", "data.size: needed"),
        ("target.export.size=[400,600]", "400x600, but the pictures of 'boxes' are brought to 256x256; add target.exp"),
        ("student.network=anchor_cnn", "student.network: 'anchor_cnn' answers with pictures; for task detect"),
        ("teach.network=retinex_unet", "teach.network: 'retinex_unet' answers with pictures"),
        ("student.classes=3", "student.classes: 3, but the set has 2; leave it out"),
        ("task.classes=[cat]", "labels has square, disc; leave it out"),
        ("sensitivity.run=true", "stages: 'sensitivity' can't take boxes yet"),
        ("task.weights.picture=2.0", "task.weights: of night only"),
        ("student.network=night_pair", "student.network: 'night_pair' answers with a picture and boxes; for"),
        ("teach.train.phases=[{epochs: 1, crop: 64}]", "teach.train.phases.0.crop: is for pictures as truth"),
        ("distill.loss.ssim=0.5", "distill.loss: weighs terms of pictures"),
        ("distill.hints=[{teacher: neck, student: neck}]", "distill.hints: can't be taken of a detector"),
        ("quantize.own_weight=0.5", "quantize.own_weight: is of pictures"),
        ("target.budget.min_psnr_db=20", "target.budget.min_psnr_db: is of pictures; use target.budget.metrics"),
    ],
)
def test_what_does_not_go_with_boxes_is_said(root: Path, word: str, problem: str) -> None:
    key = word.partition("=")[0]
    words = tuple(each for each in _words(root) if not each.startswith(f"{key}="))
    assert problem in _problems(*words, word)


def test_builds_read_boxes_where_the_runtime_can(root: Path) -> None:
    inside = "target.export.nms=graph"
    (plan,) = load_plans((*_words(root), inside))
    assert plan.target.export.identity()["nms"] == "graph"
    assert "nms" not in load_plans(_words(root))[0].target.export.identity()
    unable = _problems(*_words(root), inside, "target.export.builds=[onnx,tflite,rknn]", "target.device.kind=ssh")
    assert "target.export.nms: graph: builds for tflite, rknn can't hold NonMaxSuppression here" in unable
    assert "target.export.nms: graph: builds that give boxes are not run on boards yet" in unable
    assert "target.export.nms: is of boxes" in _problems("recipe=kd_int8", "target=x86_edge", inside)


@pytest.mark.parametrize("target", ["rk3588", "jetson", "imx8mp"])
def test_npus_and_boards_take_detectors(root: Path, target: str) -> None:
    words = [f"target={target}" if word.startswith("target=") else word for word in _words(root)]
    assert load_plans((*words, "target.device.kind=ssh", "target.device.host=board"))
    if target == "imx8mp":
        assert "tflite.arithmetic: maps have no range" in _problems(*words, "target.export.tflite.arithmetic=integer")


def test_a_folder_that_is_none_is_said(tmp_path: Path) -> None:
    assert "classes.txt: can't be read" in _problems(*_words(tmp_path))
    assert "'boxes' needs its folder" in _problems("recipe=detect", "target=x86_edge", "target.export.size=[256,256]")


def test_boxes_and_pictures_are_not_mixed(root: Path) -> None:
    found = _problems("recipe=detect", "target=x86_edge", "data=embedded", "target.export.size=[256,256]")
    assert "data: 'embedded' has no boxes, which task detect is for" in found
    found = _problems("recipe=sr", "target=x86_edge", "data=boxes", f"data.root={root}", "student.network=fcos_lite")
    assert "data: 'boxes' has boxes, and task super_resolution is for pictures" in found
    assert "student.network: 'fcos_lite' finds boxes" in found
    found = _problems("recipe=denoise", "target=x86_edge", "task.classes=[a]")
    assert "task.classes: of detect and night only" in found
