"""Chains without ground truth: a folder of pictures under a teacher of ours, a video under one from outside."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from foreign_nets import Single, make, source, write_onnx
from PIL import Image
from tiny_videos import dark_frames, write_video

from compress.artefacts import Artefact, Bundle, Labels, Measurements, Student, Verdict
from compress.bundle.provenance import Provenance
from compress.config.load import load_plans
from compress.data.source import open_data
from compress.flow import Quiet, RunResult, run
from compress.models.enhance import enhance
from compress.models.weights import load_net
from compress.records import BuildList, QualityReport, VerdictRecord
from compress.store.store import Store

WORDS = (
    "recipe=label_free", "target=x86_edge", "target.export.size=[32,48]", "target.export.builds=[onnx,openvino]",
    "target.export.dynamic=false", "target.budget.min_psnr_db=3", "student.network=plain_cnn", "student.width=16",
    "student.depth=2", "distill.train.phases=[{epochs: 1, batch: 4, downscale: 2}]",
    "prune.train.phases=[{epochs: 0.25, batch: 4}]", "quantize.train.phases=[{epochs: 0.25, batch: 4}]",
    "quantize.calibration_images=2", "validation.timed_runs=3", "validation.warmup_runs=1", "package.golden_frames=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _keys(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPRESS_HOME", str(home))


def read(result: RunResult) -> tuple[QualityReport, VerdictRecord, BuildList, Path]:
    """What was measured, judged and built, and the bundle; each also as the bundle has it."""
    kinds: tuple[type[Artefact], ...] = (Measurements, Verdict, Bundle)
    measured, verdict, bundle = (result.newest(kind) for kind in kinds)
    assert measured is not None and verdict is not None and isinstance(bundle, Bundle)
    report = bundle.bundle / "report"
    assert (report / "quality.json").read_bytes() == (measured.folder / "quality.json").read_bytes()
    listed = BuildList.model_validate(json.loads((report / "builds.json").read_bytes())["listed"])
    quality = QualityReport.read(measured.folder / "quality.json")
    return quality, VerdictRecord.read(verdict.folder / "verdict.json"), listed, bundle.bundle


def test_pictures_of_one_scene_through_to_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for number, frame in enumerate(dark_frames(14)):
        Image.fromarray(frame).save(tmp_path / "set" / f"f{number}.png")
    words = (*WORDS, "data=frames", f"data.root={tmp_path / 'set'}")
    plan = load_plans(words)[0]
    result = run(plan, Store(tmp_path / "store"), Quiet())
    assert [outcome.name for outcome in result.outcomes][:3] == ["teacher", "label", "distill"]
    quality, verdict, listed, bundle = read(result)
    teacher = result.outcomes[0].artefact
    assert quality.fidelity is not None and quality.fidelity.digest == teacher.digest and quality.data_kind == "frames"
    assert quality.definition.startswith("fidelity to the teacher") and quality.images == ("f13",)
    assert {row.variant for row in quality.rows} == {"input", "student", "pruned", "int8", "ptq"}
    assert all(row.psnr_gtmean_db == () for row in quality.rows)
    notes = {check.name: check.note for check in verdict.checks}
    assert notes["min_psnr_db"] == "fidelity to the teacher, not quality"
    text = (bundle / "report" / "report.md").read_text()
    assert "| teacher (is the reference) | openvino |" in text and "fidelity to the teacher, PSNR dB" in text
    assert (
        "10 to train on, 1 for validation, 1 for the test; stretches of each scene"
        in (bundle / "README.md").read_text()
    )
    assert Provenance.read(bundle / "provenance.json").labelled_by == f"teacher {teacher.digest}"
    assert sorted(path.name for path in (bundle / "report" / "looks").glob("*.png")) == [
        f"0000_{kind}.png" for kind in ("float", "input", "int8", "truth")
    ]
    labels = result.newest(Labels)
    assert labels is not None
    dark, truth = open_data(plan.data, "test", labels).pair(0)
    assert (enhance(load_net(teacher.weights).eval(), dark) == truth).all()  # type: ignore[attr-defined]
    again = run(load_plans(words)[0], Store(tmp_path / "store"), Quiet())
    assert all(outcome.reused for outcome in again.outcomes)


def test_a_ready_network_on_a_folder_is_compared_with_itself(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    for number, frame in enumerate(dark_frames(14)):
        Image.fromarray(frame).save(tmp_path / "set" / f"f{number}.png")
    net = write_onnx(Single(make("curve.Curve"), 1), tmp_path / "net.onnx")
    words = (
        "recipe=ptq", "target=x86_edge", "data=frames", f"data.root={tmp_path / 'set'}", *WORDS[2:5:2],
        "target.export.builds=[openvino]", "sensitivity.max_images=1",
        f"student.source.network={net.network}", "student.adapter.colours=RGB", "student.adapter.range=0..1",
        "student.adapter.answers=picture", "student.adapter.size_multiple=1", *WORDS[-4:],
        "target.budget.max_int8_drop_db=", "target.budget.min_psnr_db=20", "target.budget.min_fps=",
        "target.budget.min_int8_speedup=",
    )  # fmt: skip
    result = run(load_plans(words)[0], Store(tmp_path / "store"), Quiet())
    assert [outcome.name for outcome in result.outcomes][:3] == ["student", "label", "quantize"]
    quality, verdict, listed, bundle = read(result)
    student = result.newest(Student)
    assert student is not None and quality.fidelity is not None
    assert (quality.fidelity.to, quality.fidelity.digest) == ("float network", student.digest)
    assert verdict.result == "pass", verdict
    rows = {(row.variant, row.runtime): row.psnr_db[0] for row in quality.rows}
    assert rows["student", "openvino"] > 55 and 20 < rows["int8", "openvino"] < rows["student", "openvino"]
    text = (bundle / "report" / "report.md").read_text()
    assert "| float student (is the reference) | openvino |" in text and "to the teacher" not in text
    assert Provenance.read(bundle / "provenance.json").labelled_by == f"float network {student.digest}"
    assert "of fidelity to the float network" in text and "the float network is the reference" in text


def test_a_video_under_a_teacher_from_outside(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="PyAV is not installed (compress[video])")
    path = write_video(tmp_path / "night.mkv", dark_frames(40))
    spec = source("curve.Curve", tmp_path)
    adapter = ("colours=RGB", "range=0..1", "answers=picture", "size_multiple=1", "output=1")
    words = (
        *WORDS, "stages=[teacher,label,distill,quantize,export,validate,gate,package]", f"data.root={path}",
        "data.every=3", "distill.hints=[{teacher: body, student: repair.middle1}]",
        f"teacher.source.network={spec.network}", f"teacher.source.weights={spec.weights}",
        *(f"teacher.adapter.{word}" for word in adapter),
    )  # fmt: skip
    result = run(load_plans(words)[0], Store(tmp_path / "store"), Quiet())
    quality, _, listed, bundle = read(result)
    assert quality.images == ("night-000039",) and "PyAV" in quality.decoder
    assert [net.variant for net in listed.nets][0] == "teacher" and listed.nets[0].params
    assert [(each.variant, each.runtime) for each in listed.not_built] == [("teacher", "openvino")]
    assert "| teacher (is the reference) | openvino |" in (bundle / "report" / "report.md").read_text()
    assert result.newest(Student) is not None
    assert not list(tmp_path.glob("night*/")) and path.is_file()
