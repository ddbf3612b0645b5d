"""Detection from a folder with boxes to a signed bundle: learned, quantized, built, measured, judged, drawn."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_boxes

from compress.artefacts import Builds, Bundle, Measurements, Student, Verdict
from compress.bundle.contract import CONTRACT, ContractFile, check_build
from compress.bundle.golden import GoldenFile
from compress.bundle.keys import public_pem, resolve_key
from compress.bundle.verify import verify_bundle
from compress.cli import execute
from compress.config.load import load_plans
from compress.data.source import open_source
from compress.detection.decode import decode
from compress.errors import BuildError
from compress.flow import Quiet, RunResult, run
from compress.handoff.facts import sealed_facts
from compress.handoff.measured import quality_changes
from compress.looks.records import read_looks
from compress.metrics.detection import Boxes, map50
from compress.models.detect import asked
from compress.models.weights import load_net
from compress.parity.records import ParityFile
from compress.plan import Plan
from compress.records import Build, BuildList, QualityReport, QualityRow, VerdictRecord
from compress.regression.judge import judge_quality
from compress.regression.records import Allowance
from compress.runtimes.base import RunOptions
from compress.runtimes.maps import BoxRunner
from compress.runtimes.picture import PictureRunner
from compress.store.store import Store

LEAST_MAP50 = 0.6
"""Boxes at random places get less than .05 here."""

MOST_DROP = 0.03
SIZE = "[96,96]"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    root = tiny_boxes.write_set(tmp_path_factory.mktemp("boxes") / "set", 56)
    words = (
        "recipe=detect", "target=x86_edge", f"data.root={root}", f"data.size={SIZE}", f"target.export.size={SIZE}",
        "teach.width=8", "student.width=8", "teach.train.lr=0.01", "distill.train.lr=0.01",
        "teach.train.phases=[{epochs: 18, batch: 8}]", "distill.train.phases=[{epochs: 30, batch: 8}]",
        "quantize.train.phases=[{epochs: 1, batch: 8}]", "quantize.calibration_images=8",
        "validation.warmup_runs=1", "validation.timed_runs=3", "target.budget.min_int8_speedup=",
        "target.budget.min_fps=",
        f"target.budget.metrics=[{{metric: map50, min: {LEAST_MAP50}, max_drop: {MOST_DROP}}}]",
    )  # fmt: skip
    return load_plans(words)[0]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where this module's signing key is made."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPRESS_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def result(plan: Plan, home: Path) -> RunResult:
    """Most of its time is training: some 170 steps of 8 pictures."""
    return run(plan, Store(home / "store"), Quiet())


def _folder(result: RunResult, kind: type[Builds] | type[Measurements] | type[Verdict] | type[Bundle]) -> Path:
    found = result.newest(kind)
    assert found is not None
    return found.folder


def _builds(result: RunResult) -> dict[str, Build]:
    listed = BuildList.read(_folder(result, Builds) / "builds.json")
    assert not listed.not_built
    return {build.name: build for build in listed.builds}


def test_every_network_is_measured_by_map_through_each_runtime(result: RunResult) -> None:
    quality = QualityReport.read(_folder(result, Measurements) / "quality.json")
    rows = {(row.variant, row.runtime): row for row in quality.rows}
    assert {("teacher", "openvino"), ("student", "openvino"), ("ptq", "openvino")} <= rows.keys()
    assert {runtime for variant, runtime in rows if variant == "int8"} == {"openvino", "onnx", "torch"}
    assert not any(row.psnr_db or row.ssim for row in quality.rows) and not quality.slices
    assert [each.name for each in quality.metrics] == ["map50", "map50_95"] and "mAP" in quality.definition
    full = rows["student", "openvino"].values("map50")[0]
    assert rows["input", "none"].values("map50") == (0.0,) and full > LEAST_MAP50
    for runtime in ("openvino", "onnx", "torch"):
        (found,) = rows["int8", runtime].values("map50")
        assert abs(full - found) < MOST_DROP and 0 < rows["int8", runtime].values("map50_95")[0] < found


def test_the_gate_judges_map_and_leaves_budgets_of_pictures_out(result: RunResult) -> None:
    verdict = VerdictRecord.read(_folder(result, Verdict) / "verdict.json")
    checks = {check.name: check for check in verdict.checks}
    assert set(checks) == {"min_map50", "max_int8_drop_map50", "max_params", "max_size_bytes"}
    assert verdict.result == "pass"
    drop = checks["max_int8_drop_map50"]
    assert drop.limit == MOST_DROP and drop.note == "student through openvino minus int8 through openvino"


@pytest.mark.parametrize("name", ["student-onnx-96x96", "student-openvino-96x96", "int8-onnx-free"])
def test_builds_find_what_the_network_finds(result: RunResult, plan: Plan, name: str) -> None:
    build, folder = _builds(result)[name], _folder(result, Builds)
    student = result.newest(Student)
    assert student is not None and build.contract.maps is not None
    assert build.contract.maps.classes == tiny_boxes.CLASSES
    check_build(build, folder)
    run_build, ask = BoxRunner(build, folder, RunOptions(threads=1)), asked(load_net(student.weights))
    source = open_source(plan.data, "test")
    pairs = [source.pair(index) for index in range(len(source))]
    assert map50([run_build(low) for low, _ in pairs], [_sure(ask(low)) for low, _ in pairs]) > 0.9
    small = np.ascontiguousarray(pairs[0][0][:50, :70])  # padded to 64x96, and boxes end at its border
    found = run_build(small)
    maps = run_build.maps(small)
    assert maps.shape == (21, 8, 12)
    assert np.array_equal(decode(maps, build.contract.maps, 50, 70).corners, found.corners)
    assert not len(found) or found.corners[:, 2].max() <= 70


def _sure(boxes: Boxes) -> Boxes:
    kept = boxes.scores > 0.5
    return Boxes(boxes.corners[kept], boxes.labels[kept], boxes.scores[kept])


def test_builds_of_boxes_are_not_taken_for_builds_of_pictures(result: RunResult) -> None:
    build, folder = _builds(result)["int8-onnx-96x96"], _folder(result, Builds)
    with pytest.raises(BuildError, match="maps of boxes, and pictures are compared here"):
        PictureRunner(build, folder, RunOptions(threads=1))
    assert build.contract.maps is not None
    more = build.contract.maps.model_copy(update={"classes": ("one", "two", "three")})
    wrong = build.model_copy(update={"contract": build.contract.model_copy(update={"maps": more})})
    with pytest.raises(BuildError, match="21 maps, 24 for these classes"):
        check_build(wrong, folder)
    with pytest.raises(BuildError, match="answers"):
        BoxRunner(wrong, folder, RunOptions(threads=1))(np.zeros((96, 96, 3), np.uint8))
    pictures = build.model_copy(update={"contract": build.contract.model_copy(update={"maps": None})})
    with pytest.raises(BuildError, match="answers with pictures"):
        BoxRunner(pictures, folder, RunOptions(threads=1))


def test_looks_show_boxes_on_the_input(result: RunResult) -> None:
    looks = read_looks(_folder(result, Measurements) / "looks")
    assert looks is not None
    assert {each.kind for each in looks.shown} == {"input", "teacher", "float", "int8", "truth"}
    files = {kind: (_folder(result, Measurements) / "looks" / str(looks.looks[0].file(kind))).read_bytes()
             for kind in ("input", "int8", "truth")}  # fmt: skip
    assert len(set(files.values())) == 3


def test_the_bundle_verifies_and_says_how_boxes_are_read(result: RunResult, tmp_path: Path) -> None:
    bundle = _folder(result, Bundle) / "bundle"
    public = tmp_path / "public.pem"
    public.write_text(public_pem(resolve_key(None)))
    assert not any("golden" in reason for reason in verify_bundle(bundle, public).manifest.reasons)
    shipped = ContractFile.read(bundle / CONTRACT).builds
    assert {build.runtime for build in shipped} == {"onnx", "openvino"}
    for build in shipped:
        assert build.contract.maps is not None and "sigmoid" in build.contract.postprocessing
        assert build.feeding is not None and build.feeding.output.bytes_per_pixel == 4 * 21
    golden = GoldenFile.read(bundle / "golden" / "golden.json")
    answers = [output for frame in golden.frames for output in frame.outputs]
    assert {output.build for output in answers} == {build.name for build in shipped} and not golden.not_run
    assert all(output.maps and output.boxes and not output.file for output in answers)
    assert execute(("selftest", str(bundle))) == 0 and (bundle / "boxes.h").is_file()
    report, readme = ((bundle / name).read_text() for name in ("report/report.md", "README.md"))
    page = re.sub(r"base64,[\w+/=]+", "", (bundle / "report/report.html").read_text())  # of pictures any word may come
    assert "mAP50:95" in page and "decibels" not in page and "PSNR" not in page.partition("<body")[2]
    assert "| GMACs | mAP50 | mAP50:95 | FPS |" in report and "PSNR dB" not in report
    assert "0 square, 1 disc" in readme and "compress_read(build" not in readme
    assert json.loads((bundle / "report/quality.json").read_text())["metrics"][0]["name"] == "map50"


def test_parity_holds_the_maps_of_every_build_against_torch(
    result: RunResult, plan: Plan, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (str(_folder(result, Builds)), "--store", str(home / "store"), "--images", "4")
    assert execute(("parity", *words)) == 2
    assert "a folder of pictures with boxes, which is not recorded; add --root FOLDER" in capsys.readouterr().err
    assert execute(("parity", *words, "--root", str(plan.data.root), "--json", str(tmp_path / "parity.json"))) == 0
    (report,) = ParityFile.read(tmp_path / "parity.json").reports
    judged = {row.name: row for row in report.rows if row.result is not None}
    assert {row.output for row in report.rows} == {"maps"} and judged.keys() == _builds(result).keys()
    assert all(row.result == "pass" and not row.psnr_db for row in judged.values())


def test_two_bundles_of_detectors_can_be_compared(
    result: RunResult, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle, file = _folder(result, Bundle) / "bundle", tmp_path / "accepted.json"
    place = ("--file", str(file), "--store", str(home / "store"))
    assert execute(("baseline", "set", str(bundle), *place)) == 0
    assert execute(("baseline", "show", "--file", str(file))) == 0
    assert execute(("baseline", "diff", str(bundle), *place)) == 0
    said = capsys.readouterr().out
    assert "int8 through openvino: map50 0." in said and ", was map50 0." in said
    quality = QualityReport.read(bundle / "report/quality.json")
    worse = quality.model_copy(update={"rows": tuple(map(_worse, quality.rows))})
    facts = sealed_facts(bundle)
    changes = quality_changes(facts, replace(facts, quality=worse), frozenset({"int8"}), "minor")
    names, metrics = ("openvino", "onnx", "torch"), ("map50", "map50_95")
    assert {each.what for each in changes} == {f"int8 through {name}: {metric}" for name in names for metric in metrics}
    (first, _) = judge_quality(worse, quality, "openvino", Allowance())
    assert (first.name, first.result) == ("int8 through openvino, mAP50", "fail")


def _worse(row: QualityRow) -> QualityRow:
    halved = (each.model_copy(update={"values": (each.values[0] / 2,)}) for each in row.others)
    return row.model_copy(update={"others": tuple(halved)})
