"""Teacher in the light, student in the dark, builds of both heads: the recipe over coloured squares and discs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_boxes

from compress.artefacts import Builds, Control, Measurements, Student, Teacher, Verdict
from compress.config.load import load_plans
from compress.data.night import NightSource
from compress.data.source import open_source
from compress.detection.answer import PictureAndBoxes
from compress.flow import Quiet, RunResult, run
from compress.looks.records import FOLDER, read_looks
from compress.models.weights import load_net
from compress.plan import Plan
from compress.records import BuildList, QualityReport, QualityRow, VerdictRecord
from compress.store.store import Store
from compress.tasks import task_of
from compress.training.loop import Curve

LEAST_GAIN_DB = 3.0
"""Over the dark picture, which has some 10 dB."""

MOST_DROP_DB, MOST_DROP = 0.5, 0.1
"""Of a network that has hardly begun to learn."""


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    root = tiny_boxes.write_set(tmp_path_factory.mktemp("boxes") / "set", 40)
    phases = "train.phases=[{epochs: 8, batch: 4}]"
    words = (
        "recipe=night_multitask", "target=x86_edge", f"data.root={root}", "data.size=[96,96]",
        "target.export.size=[96,96]", "teach.width=8", "student.width=8",
        "student.mend=8", "teach.train.lr=0.01", "distill.train.lr=0.01", f"teach.{phases}", f"distill.{phases}",
        "stages=[teach,distill,quantize,export,validate,gate]", "quantize.train.phases=[{epochs: 1, batch: 8}]",
        "quantize.calibration_images=4", "validation.warmup_runs=1", "validation.timed_runs=3",
        "target.budget.min_int8_speedup=", "target.budget.min_fps=", "target.export.nms=graph",
    )  # fmt: skip
    return load_plans(words)[0]


@pytest.fixture(scope="module")
def result(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """Its time goes into three trainings of 52 steps of 4 pictures, a fourth in int8, and eleven builds."""
    return run(plan, Store(tmp_path_factory.mktemp("store")), Quiet())


def _curve(result: RunResult, kind: type[Teacher] | type[Student] | type[Control]) -> Curve:
    found = result.newest(kind)
    assert found is not None
    return Curve.read(found.folder / "curve.json")


@pytest.mark.parametrize("kind", [Teacher, Student, Control])
def test_both_heads_are_watched_and_learn(
    result: RunResult, kind: type[Teacher] | type[Student] | type[Control]
) -> None:
    points = _curve(result, kind).points
    assert all(point.val_psnr_db is not None and point.val_map50 is not None for point in points)
    first, last = points[0], points[-1]
    assert last.parts["classes"] < first.parts["classes"] and last.parts["charbonnier"] < first.parts["charbonnier"]
    assert {"taught", "hint0", "hint1", "hint2"} <= last.parts.keys() or kind is not Student


def test_student_and_control_differ_by_the_teacher_alone(result: RunResult) -> None:
    student, control = result.newest(Student), result.newest(Control)
    assert student is not None and control is not None
    mine, theirs = (load_net(each.weights).state_dict() for each in (student, control))
    assert mine.keys() == theirs.keys() and any(not np.array_equal(mine[key], theirs[key]) for key in mine)


def test_both_heads_are_judged_and_drawn(result: RunResult, plan: Plan) -> None:
    task, source = task_of(plan.data), open_source(plan.data, "test")
    student = result.newest(Student)
    assert student is not None and isinstance(source, NightSource)
    ask = task.ask(load_net(student.weights).eval())
    judge = task.judge(("input", "student"), "student", plan.recipe.validation.wanted(task.metrics))
    for index in range(len(source)):
        dark, truth = source.pair(index)
        answer = ask(dark)
        judge.add((task.untouched(dark), answer), truth)
    before, after = (judge.row(number, "torch", "measured") for number in (0, 1))
    assert np.mean(after.psnr_db) > np.mean(before.psnr_db) + LEAST_GAIN_DB
    assert np.mean(after.ssim) > np.mean(before.ssim)
    assert before.values("map50") == (0.0,) and 0.0 <= after.values("map50_95")[0] <= after.values("map50")[0]
    assert [each.name for each in judge.facts()] == ["map50", "map50_95"]
    drawn, real = task.drawn(dark, answer), task.drawn_truth(dark, truth)
    assert drawn.shape == real.shape == dark.shape and not np.array_equal(real, truth.bright)


def test_the_dark_picture_is_shown_with_the_boxes_found_in_it(result: RunResult, plan: Plan) -> None:
    task, source, found = task_of(plan.data), open_source(plan.data, "test"), result.newest(Measurements)
    assert found is not None
    looks = read_looks(found.folder / FOLDER)
    assert looks is not None and {each.kind: each.boxes_of for each in looks.shown}["input"] == "int8"
    dark, truth = source.pair(0)
    certain = PictureAndBoxes(truth.bright, replace(truth.boxes.boxes, scores=np.ones(len(truth.boxes.boxes.labels))))
    framed, bare = task.drawn_input(dark, certain), task.drawn_input(dark, task.untouched(dark))
    assert np.array_equal(bare, dark) and framed.max() == 255 > dark.max() and framed.mean() < truth.bright.mean()


def _rows(result: RunResult) -> dict[tuple[str, str], QualityRow]:
    found = result.newest(Measurements)
    assert found is not None
    return {(row.variant, row.runtime): row for row in QualityReport.read(found.folder / "quality.json").rows}


def test_builds_give_both_heads_answers(result: RunResult) -> None:
    rows = _rows(result)
    full = rows["student", "openvino"]
    assert len(full.psnr_db) == 10 and {"control", "ptq"} <= {variant for variant, _ in rows}
    assert not any(variant == "teacher" for variant, _ in rows)
    for runtime in ("openvino", "onnx", "torch"):
        int8 = rows["int8", runtime]
        assert np.mean(int8.psnr_db) == pytest.approx(np.mean(full.psnr_db), abs=MOST_DROP_DB)
        assert int8.values("map50")[0] == pytest.approx(full.values("map50")[0], abs=MOST_DROP)


def test_builds_of_fixed_size_read_their_boxes_themselves(result: RunResult) -> None:
    """So the rows above are of those, and PyTorch's of the decoder outside."""
    found = result.newest(Builds)
    assert found is not None
    listed = BuildList.read(found.folder / "builds.json").builds
    inside = {build.name for build in listed if build.contract.objects_output is not None}
    assert inside == {build.name for build in listed if build.height is not None} and len(inside) < len(listed)
    rows = _rows(result)
    assert rows["int8", "onnx"].values("map50") == pytest.approx(rows["int8", "torch"].values("map50"), abs=MOST_DROP)


def test_budgets_of_both_heads_are_judged(result: RunResult) -> None:
    verdict = result.newest(Verdict)
    assert verdict is not None
    names = {check.name for check in VerdictRecord.read(verdict.folder / "verdict.json").checks}
    assert {"min_gain_over_input_db", "max_int8_drop_db", "max_int8_drop_map50"} <= names
