"""A teacher from outside in the report: its pictures through torch, what can be counted of it, and no speed."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_nets
from foreign_nets import CURVE, PICTURE, Single, make, source, write_onnx

from compress.artefacts import Builds, Teacher
from compress.data.source import open_data
from compress.foreign.facts import foreign_facts
from compress.metrics import psnr_db
from compress.models.enhance import enhance
from compress.models.weights import load_net
from compress.records import BuildList, QualityReport, SpeedReport
from compress.report.markdown import markdown_table
from compress.report.rows import Results, summary_rows
from compress.schema import AdapterSpec, DeviceSpec, ExportSpec, Slices, SourceSpec, TeacherSpec, ValidateSpec
from compress.stages import load_stage

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)


def taken(spec: SourceSpec, adapter: AdapterSpec, folder: Path) -> Teacher:
    folder.mkdir()
    load_stage("teacher").function(TeacherSpec(source=spec, adapter=adapter), folder)
    return Teacher(folder, "key", "digest")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Results, Teacher]:
    folder = tmp_path_factory.mktemp("foreign")
    teacher = taken(source("curve.Curve", folder), CURVE, folder / "teacher")
    nets = tiny_nets.make_student(folder / "student"), tiny_nets.make_quantized(folder / "quantized")
    for name in ("builds", "out"):
        (folder / name).mkdir()
    spec = ExportSpec(size=SIZE, dynamic=False, builds=("onnx", "openvino"))
    load_stage("export").function(
        teacher, nets[0], None, None, nets[1], spec, tiny_nets.FLOATS, tiny_nets.NO_BOARD, tiny_nets.DATA,
        folder / "builds", tiny_nets.Told(),
    )  # fmt: skip
    load_stage("validate").function(
        Builds(folder / "builds", "key", "digest"), nets[1], ValidateSpec(max_images=2, warmup_runs=1, timed_runs=3),
        tiny_nets.DATA, DeviceSpec(threads=1), Slices(named=()), folder / "out", tiny_nets.Told(), teacher,
    )  # fmt: skip
    quality, speed = QualityReport.read(folder / "out/quality.json"), SpeedReport.read(folder / "out/speed.json")
    return Results(BuildList.read(folder / "builds" / "builds.json"), quality, speed, "openvino"), teacher


def test_its_quality_is_that_of_its_pictures_through_torch(results: tuple[Results, Teacher]) -> None:
    found, teacher = results
    (row,) = [row for row in found.quality.rows if row.variant == "teacher"]
    assert row.runtime == "torch" and row.origin == "measured"
    net, pairs = load_net(teacher.weights), open_data(tiny_nets.DATA, "test")
    for index, value in enumerate(row.psnr_db):
        dark, bright = pairs.pair(index)
        assert value == pytest.approx(psnr_db(enhance(net, dark), bright), abs=1e-5)


def test_it_has_a_row_without_a_speed_and_the_reason(results: tuple[Results, Teacher]) -> None:
    found, _ = results
    row = next(row for row in summary_rows(found) if row.variant == "teacher")
    assert row.runtime == "torch" and row.psnr_db and row.fps is None and not row.reference
    assert row.params == sum(parameter.numel() for parameter in make("curve.Curve").parameters())
    assert row.macs and row.size_bytes and row.size_bytes > 4 * row.params
    (absent,) = found.builds.not_built
    assert (absent.variant, absent.runtime) == ("teacher", "openvino") and "neither built nor timed" in absent.reason
    assert f"| teacher | torch | {row.params:,} |" in markdown_table(found)
    assert not any(build.variant == "teacher" for build in found.builds.builds)


def test_of_what_has_no_modules_nothing_is_made_up(tmp_path: Path) -> None:
    spec = write_onnx(Single(make("curve.Curve"), 1), tmp_path / "net.onnx")
    facts = foreign_facts(taken(spec, PICTURE, tmp_path / "teacher"), *SIZE)
    assert (facts.params, facts.macs) == (None, None)
    assert facts.weights_size_bytes == (tmp_path / "net.onnx").stat().st_size
