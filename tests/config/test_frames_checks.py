"""Plans on frames without ground truth: which stages run, and what is told before any work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from compress.config import frames_checks
from compress.config.load import load_plans
from compress.errors import ConfigError
from compress.schema import Promotion


@pytest.fixture
def folder(tmp_path: Path) -> str:
    Image.fromarray(np.zeros((32, 48, 3), np.uint8)).save(tmp_path / "a.png")
    return f"data.root={tmp_path}"


def problems(*words: str) -> str:
    with pytest.raises(ConfigError) as told:
        load_plans(words)
    return "\n".join(told.value.problems)


def test_any_recipe_with_a_teacher_labels_frames_first(folder: str) -> None:
    for recipe in ("label_free", "kd_int8", "students", "tiny"):
        plan = load_plans((f"recipe={recipe}", "target=x86_edge", "data=frames", folder))[0]
        assert plan.stages[:3] == ("teacher", "label", "distill") and plan.stages.count("label") == 1
    assert "label" not in load_plans(("recipe=tiny", "target=x86_edge", "data=embedded"))[0].stages


def test_a_network_of_yours_is_asked_itself_where_there_is_no_teacher(folder: str, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"")
    adapter = ("colours=RGB", "range=0..1", "answers=picture", "size_multiple=1")
    words = (
        "recipe=ptq", "target=x86_edge", "data=frames", folder, f"student.source.network={tmp_path / 'net.onnx'}",
        *(f"student.adapter.{word}" for word in adapter),
    )  # fmt: skip
    plan = load_plans(words)[0]
    assert plan.stages[:3] == ("student", "label", "quantize") and plan.reference == "float network"
    assert plan.sections[Promotion].max_int8_drop_db is None  # type: ignore[attr-defined]
    plan = load_plans((*words, "target.budget.max_int8_drop_db=", "target.budget.min_psnr_db=40"))[0]
    assert plan.sections[Promotion].max_int8_drop_db == 60  # type: ignore[attr-defined]
    told = problems(*words, "stages=[label,student,quantize]")
    assert "put 'teacher' or 'student' in front of 'label'" in told


def test_where_the_frames_lie_is_asked_for() -> None:
    words = ("recipe=label_free", "target=x86_edge")
    assert "data.root: calibration set 'frames' needs frames; add data.root=FOLDER or" in problems(*words)
    assert "data.root: nowhere: nothing there; set data.root" in problems(*words, "data.root=nowhere")


def test_what_needs_ground_truth_is_refused_with_what_to_set(folder: str) -> None:
    words = ("target=x86_edge", "data=frames", folder)
    told = problems("recipe=label_free", *words, "distill.control=true")
    assert "distill.control: trains on ground truth without a teacher, and frames have none; set it to false" in told
    assert "teach.train: trains on ground truth" in problems("recipe=teach_low_light", *words)
    assert "needs" in problems("recipe=label_free", *words, "stages=[distill,quantize,export,validate,gate,package]")


def test_labels_of_what_has_a_truth_are_refused() -> None:
    told = problems("recipe=label_free", "target=x86_edge", "data=embedded")
    assert told.startswith(
        "stages: 'label' asks the teacher in place of a ground truth, and calibration set 'embedded'"
    )


def test_a_video_without_the_library_is_told_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    monkeypatch.setattr(frames_checks, "find_spec", lambda name: None)
    told = problems("recipe=label_free", "target=x86_edge", f"data.root={tmp_path / 'a.mp4'}")
    assert "a.mp4: videos need PyAV; install it with: pip install 'compress[video]'" in told


def test_real_sr_makes_its_own_pairs_and_labels_nothing(folder: str) -> None:
    plan = load_plans(("recipe=real_sr", "target=x86_edge", folder))[0]
    assert plan.stages[:3] == ("degrade", "teach", "distill") and "label" not in plan.stages
    assert plan.reference == "given frame" and plan.recipe.teach.scale == plan.recipe.student.scale == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("stages=[teach,distill]",), "distill.consistency: needs the kernel that the stage 'degrade' finds"),
        (("stages=[teach,degrade,distill]",), "stages: 'degrade' makes the pairs that all others look at; put"),
        (("data=embedded",), "stages: 'degrade' is for frames without ground truth, and 'embedded' has one"),
        (("task.kind=denoise", "task.scale="), "stages: 'degrade' makes frames smaller; it needs task.kind="),
        (("teach.network=anchor_cnn",), "teach.restored: 'anchor_cnn' has no pre-processing network"),
        (("distill.control=true",), "distill.control: trains on pairs that 'degrade' does not give it"),
    ],
)
def test_what_goes_against_the_stage_degrade_is_told(words: tuple[str, ...], told: str, folder: str) -> None:
    where = () if "data=embedded" in words else (folder,)
    assert told in problems("recipe=real_sr", "target=x86_edge", *where, *words)
