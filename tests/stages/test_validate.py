"""Validation of real tiny builds on the embedded pictures: rows, repeatability, and whose speed it is."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_nets
from adb_standin import SERIAL
from loopback import HOST, board_here, loopback

from compress.artefacts import Builds, Quantized
from compress.bundle.golden import read_png
from compress.data.source import open_data
from compress.devices.conditions import NO_CONDITIONS, Conditions, Wanted
from compress.devices.runner.fingerprint import stable_facts
from compress.errors import BuildError
from compress.looks.box import detail_box
from compress.looks.records import read_looks
from compress.metrics import gtmean_psnr_db, psnr_db, ssim
from compress.models.enhance import enhance
from compress.records import QualityReport, QualityRow, SpeedReport
from compress.schema import DeviceSpec, ExportSpec, NamedSlice, Slices, ValidateSpec
from compress.stages import load_stage

SPEC = ValidateSpec(max_images=2, warmup_runs=1, timed_runs=4)
LOCAL = DeviceSpec(threads=1)
SLICES = Slices(named=(NamedSlice(name="people", pictures=("astronaut-*",)),))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Builds, Quantized]:
    folder = tmp_path_factory.mktemp("made")
    student = tiny_nets.make_student(folder / "student")
    quantized = tiny_nets.make_quantized(folder / "quantized")
    (folder / "builds").mkdir()
    # Another size than the pictures': builds are set to theirs, as for a device whose frames are larger.
    spec = ExportSpec(size=(24, 40))
    export, told = load_stage("export").function, tiny_nets.Told()
    export(
        None,
        student,
        None,
        None,
        quantized,
        spec,
        tiny_nets.FLOATS,
        tiny_nets.NO_BOARD,
        tiny_nets.DATA,
        folder / "builds",
        told,
    )
    return Builds(folder / "builds", "key", "digest"), quantized


def _validate(
    made: tuple[Builds, Quantized], device: DeviceSpec, out: Path, spec: ValidateSpec = SPEC
) -> tuple[QualityReport, SpeedReport]:
    out.mkdir()
    told = tiny_nets.Told()
    load_stage("validate").function(made[0], made[1], spec, tiny_nets.DATA, device, SLICES, out, told)
    return QualityReport.read(out / "quality.json"), SpeedReport.read(out / "speed.json")


@pytest.fixture(scope="module")
def reports(
    made: tuple[Builds, Quantized], tmp_path_factory: pytest.TempPathFactory
) -> tuple[QualityReport, SpeedReport, Path]:
    out = tmp_path_factory.mktemp("reports") / "out"
    return *_validate(made, LOCAL, out), out


def _row(report: QualityReport, variant: str, runtime: str) -> QualityRow:
    (row,) = [row for row in report.rows if (row.variant, row.runtime) == (variant, runtime)]
    return row


def test_every_network_is_measured_and_int8_through_all(reports: tuple[QualityReport, SpeedReport, Path]) -> None:
    quality = reports[0]
    assert [(row.variant, row.runtime) for row in quality.rows] == [
        ("input", "none"), ("student", "openvino"), ("int8", "openvino"), ("int8", "onnx"), ("int8", "torch"),
        ("ptq", "openvino"),
    ]  # fmt: skip
    assert len(quality.images) == 2 and {row.origin for row in quality.rows} == {"measured"}
    assert all(len(row.psnr_db) == len(row.ssim) == len(row.psnr_gtmean_db) == 2 for row in quality.rows)


def test_figures_are_those_of_the_pictures(reports: tuple[QualityReport, SpeedReport, Path]) -> None:
    source = open_data(tiny_nets.DATA, "test")
    net = tiny_nets.student_net()
    dark_row, student_row = _row(reports[0], "input", "none"), _row(reports[0], "student", "openvino")
    for index in range(2):
        dark, bright = source.pair(index)
        assert reports[0].images[index] == source.names[index]
        assert dark_row.psnr_db[index] == pytest.approx(psnr_db(dark, bright), abs=1e-5)
        assert dark_row.psnr_gtmean_db[index] == pytest.approx(gtmean_psnr_db(dark, bright), abs=1e-5)
        answer = enhance(net, dark)
        assert student_row.psnr_db[index] == pytest.approx(psnr_db(answer, bright), abs=0.01)
        assert student_row.ssim[index] == pytest.approx(ssim(answer, bright), abs=1e-3)


def test_slices_are_in_the_report_where_they_hold_pictures(reports: tuple[QualityReport, SpeedReport, Path]) -> None:
    (people,) = reports[0].slices  # two pictures are too few for thirds
    assert people.name == "people" and people.images == ("astronaut-0",) and people.rule == "named astronaut-*"


def test_int8_is_close_to_its_float_self_everywhere(reports: tuple[QualityReport, SpeedReport, Path]) -> None:
    for runtime in ("openvino", "onnx", "torch"):
        row = _row(reports[0], "int8", runtime)
        assert len(row.psnr_to_float_db) == 2 and min(row.psnr_to_float_db) > 35
    assert _row(reports[0], "student", "openvino").psnr_to_float_db == ()


def test_quality_repeats_bit_for_bit(
    made: tuple[Builds, Quantized], reports: tuple[QualityReport, SpeedReport, Path], tmp_path: Path
) -> None:
    _validate(made, LOCAL, tmp_path / "again")
    names = ["quality.json", *(f"looks/{path.name}" for path in (reports[2] / "looks").iterdir())]
    assert len(names) == 2 + 2 * 4
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (reports[2] / name).read_bytes()


def test_looks_are_cut_from_the_answers_that_were_measured(
    reports: tuple[QualityReport, SpeedReport, Path], made: tuple[Builds, Quantized]
) -> None:
    folder = reports[2] / "looks"
    looks = read_looks(folder)
    assert looks is not None and looks.test_images == 2
    assert [(each.kind, each.variant, each.through, each.origin) for each in looks.shown] == [
        ("input", "input", "none", "measured"), ("float", "student", "openvino", "measured"),
        ("int8", "int8", "openvino", "measured"), ("truth", None, None, "measured"),
    ]  # fmt: skip
    source = open_data(tiny_nets.DATA, "test")
    for index, look in enumerate(looks.looks):
        dark, bright = source.pair(index)
        assert look.image == source.names[index] and look.box == detail_box(bright)
        assert (look.box.height, look.box.width) == (tiny_nets.HEIGHT, tiny_nets.WIDTH)  # smaller than a crop
        crops = {crop.kind: read_png(folder / crop.file) for crop in look.crops}
        assert np.array_equal(crops["input"], dark) and np.array_equal(crops["truth"], bright)
        for kind, variant in (("float", "student"), ("int8", "int8")):
            row = _row(reports[0], variant, "openvino")
            assert psnr_db(crops[kind], bright) == pytest.approx(row.psnr_db[index], abs=1e-5)  # type: ignore[index]


def test_speed_of_all_builds_in_one_session(reports: tuple[QualityReport, SpeedReport, Path]) -> None:
    speed = reports[1]
    assert {row.build for row in speed.rows} == {
        "student-onnx-24x40", "student-openvino-24x40", "int8-onnx-24x40", "int8-openvino-24x40", "ptq-openvino-24x40",
    }  # fmt: skip
    for row in speed.rows:
        assert row.runs == len(row.samples_ms) == 4 and row.origin == "measured"
        assert min(row.samples_ms) <= row.p50_ms <= row.p90_ms <= row.p99_ms <= max(row.samples_ms)
        assert row.p50_ms == pytest.approx(float(np.median(row.samples_ms))) and row.fps == pytest.approx(
            1e3 / row.p50_ms
        )
        assert row.precision == ("f32" if row.variant == "student" else "int8 and f32")
    assert speed.not_measured is None and speed.fingerprint["threads"] == "1"


@pytest.mark.skipif("avx512_bf16" not in stable_facts().get("instructions", ""), reason="no bf16 on this processor")
def test_int8_runs_in_the_devices_precision_and_is_held_against_f32(
    made: tuple[Builds, Quantized], reports: tuple[QualityReport, SpeedReport, Path], tmp_path: Path
) -> None:
    device = LOCAL.model_copy(update={"float_precision": "bf16"})
    quality, speed = _validate(made, device, tmp_path / "out")
    precise = {row.build.rsplit("-", 1)[0]: row.precision for row in speed.rows}
    assert precise["student-openvino"] == "f32" and precise["int8-openvino"].endswith("bf16")
    (again,) = speed.also
    assert (again.variant, again.precision) == ("student", "bf16") and len(again.samples_ms) == 4
    assert reports[1].also == ()
    assert _row(quality, "student", "openvino").psnr_db == _row(reports[0], "student", "openvino").psnr_db
    coarse, fine = _row(quality, "int8", "openvino"), _row(reports[0], "int8", "openvino")
    assert coarse.psnr_db != fine.psnr_db
    assert coarse.psnr_db == pytest.approx(fine.psnr_db, abs=0.3)


@pytest.mark.parametrize(
    ("device", "why"),
    [
        (DeviceSpec(kind="ssh", runtime="tensorrt"), "no device: set device.host"),
        (DeviceSpec(kind="adb", runtime="rknn"), "no device: set device.host to where the adb device is"),
        (DeviceSpec(kind="none"), "names no device"),
    ],
)
def test_this_machines_speed_is_never_passed_off_as_the_devices(
    made: tuple[Builds, Quantized], device: DeviceSpec, why: str, tmp_path: Path
) -> None:
    spec = SPEC.model_copy(update={"max_images": 1, "quality": ("int8",)})
    quality, speed = _validate(made, device, tmp_path / "out", spec)
    assert speed.rows == () and why in (speed.not_measured or "")
    assert {row.origin for row in quality.rows if row.variant != "input"} == {"simulated"}
    looks = read_looks(tmp_path / "out" / "looks")
    assert looks is not None and {each.kind: each.origin for each in looks.shown}["int8"] == "simulated"


def test_a_build_that_does_not_run_names_the_picture(made: tuple[Builds, Quantized], tmp_path: Path) -> None:
    device = DeviceSpec(runtime="onnx", float_precision="bf16", threads=1)
    assert _validate(made, device, tmp_path / "out", SPEC.model_copy(update={"max_images": 1, "quality": ("ptq",)}))
    (made[0].folder / "ptq-onnx-24x40.onnx").write_bytes(b"nothing")
    with pytest.raises(BuildError, match="^ptq through onnx on "):
        _validate(made, device, tmp_path / "broken", SPEC.model_copy(update={"quality": ("ptq",)}))


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client here")
def test_a_boards_own_answers_and_speed_are_measured_there(
    made: tuple[Builds, Quantized], reports: tuple[QualityReport, SpeedReport, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The board is this machine behind an ssh server on loopback, so both must come to the same pictures."""
    device = DeviceSpec(kind="ssh", host=HOST, runtime="openvino", threads=1, python=sys.executable)
    (tmp_path / "served").mkdir()
    builds = _of_picture_size(tmp_path / "builds")
    with loopback("asyncssh", tmp_path / "served") as board:
        monkeypatch.setenv("COMPRESS_SSH_CONFIG", str(board.config))
        quality, speed = _validate((builds, made[1]), device, tmp_path / "out")
    here, _ = _validate((builds, made[1]), LOCAL, tmp_path / "here")
    rows = {(row.variant, row.runtime): row for row in quality.rows}
    assert rows["int8", "openvino"].origin == "measured" and rows["int8", "torch"].origin == "simulated"
    assert rows["student", "openvino"].origin == "simulated"
    local = {(row.variant, row.runtime): row for row in here.rows}
    assert list(rows) == list(local)
    assert rows["int8", "openvino"].psnr_db == pytest.approx(local["int8", "openvino"].psnr_db, abs=0.01)
    assert {row.build.rsplit("-", 1)[0] for row in speed.rows} == {"student-openvino", "int8-openvino", "ptq-openvino"}
    assert all(row.origin == "measured" and len(row.samples_ms) == 4 for row in speed.rows)
    assert speed.device.startswith("board, ") and speed.not_measured is None
    assert speed.fingerprint["threads"] == "1" and float(speed.fingerprint["peak_memory_mib"]) > 10


def test_a_machine_that_is_not_as_wanted_has_no_speed(made: tuple[Builds, Quantized], tmp_path: Path) -> None:
    """Here, and on a board (adb's stand-in); where its SDK is another one, what it answers is no measurement either."""
    spec = SPEC.model_copy(update={"max_images": 1, "quality": ("int8",)})
    wanted = Conditions(pins=(Wanted(fact="cores", value="0"),))
    quality, speed = _validate(made, LOCAL.model_copy(update={"conditions": wanted}), tmp_path / "here", spec)
    assert speed.rows == () and str(speed.not_measured).startswith("cores wanted 0, found ")
    assert speed.fingerprint["cores"] != "0" and _row(quality, "int8", "openvino").origin == "measured"
    builds = _of_picture_size(tmp_path / "builds")
    wanted = Conditions(sdk=(Wanted(fact="openvino", value="0.1"),))
    device = DeviceSpec(
        kind="adb", host=SERIAL, runtime="openvino", threads=1, python=sys.executable, conditions=wanted
    )  # fmt: skip
    (tmp_path / "served").mkdir()
    with board_here("adb", tmp_path / "served") as board, pytest.MonkeyPatch.context() as patch:
        board.enter(patch)
        quality, speed = _validate((builds, made[1]), device, tmp_path / "out", spec)
        assert speed.rows == () and str(speed.not_measured).startswith("openvino wanted 0.1, found 2")
        assert _row(quality, "int8", "openvino").origin == "simulated"
        device = device.model_copy(update={"conditions": NO_CONDITIONS})
        quality, speed = _validate((builds, made[1]), device, tmp_path / "again", spec)
        assert speed.rows and speed.not_measured is None and speed.device.startswith(SERIAL)
        assert _row(quality, "int8", "openvino").origin == "measured"


def _of_picture_size(folder: Path) -> Builds:
    folder.mkdir()
    nets = tiny_nets.make_student(folder / "student"), tiny_nets.make_quantized(folder / "quantized")
    spec = ExportSpec(size=(tiny_nets.HEIGHT, tiny_nets.WIDTH), dynamic=False)
    inputs = None, nets[0], None, None, nets[1], spec, tiny_nets.FLOATS, tiny_nets.NO_BOARD, tiny_nets.DATA
    load_stage("export").function(*inputs, folder, tiny_nets.Told())
    return Builds(folder, "key", "digest")
