"""The summary: rows, origins and dashes, the same in the terminal and in Markdown."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from compress.artefacts import Artefact, Builds, Bundle, Measurements, Student, Teacher, Verdict
from compress.bundle.keys import resolve_key
from compress.bundle.seal import Contents, seal
from compress.plan import Plan
from compress.records import (
    Build,
    BuildList,
    Check,
    Inspection,
    IOContract,
    NetFacts,
    NotBuilt,
    QualityReport,
    QualityRow,
    SpeedReport,
    SpeedRow,
    TensorSpec,
    VerdictRecord,
)  # fmt: skip
from compress.report.markdown import check_cells, markdown_report, markdown_table
from compress.report.rows import HEADINGS, Results, cells, footnotes, gains, summary_rows
from compress.report.table import print_result
from compress.schema import DataSpec, Recipe, Target

TENSOR = TensorSpec(name="x", shape=(1, 3, 8, 8), layout="NCHW", dtype="float32", low=0, high=1)
CONTRACT = IOContract(input=TENSOR, output=TENSOR, size_multiple=8, preprocessing="", postprocessing="")


def build(name: str, variant: Any, runtime: Any, size_bytes: int, size: int | None = 400) -> Build:
    return Build(
        name=name, variant=variant, runtime=runtime, files=(name,), size_bytes=size_bytes, height=size, width=size,
        ships=True, contract=CONTRACT, inspection=Inspection(operators={}, int8_layers=1, float_layers=0),
    )  # fmt: skip


def net(variant: Any, params: int, macs: int) -> NetFacts:
    return NetFacts(variant=variant, params=params, macs=macs, macs_height=400, macs_width=600,
                    weights_size_bytes=params * 4)  # fmt: skip


def quality(variant: Any, runtime: Any, *psnr_db: float) -> QualityRow:
    return QualityRow(variant=variant, runtime=runtime, psnr_db=psnr_db, ssim=(0.75, 0.85), psnr_gtmean_db=psnr_db)


def speed(variant: Any, runtime: Any, p50_ms: float, origin: Any = "measured") -> SpeedRow:
    return SpeedRow(
        build=f"{variant}_{runtime}", variant=variant, runtime=runtime, height=400, width=600, precision="f32", runs=60,
        p50_ms=p50_ms, p90_ms=p50_ms, p99_ms=p50_ms, fps=1000 / p50_ms, samples_ms=(p50_ms,), origin=origin,
    )  # fmt: skip


def results(**changes: Any) -> Results:
    parts: dict[str, Any] = {
        "builds": BuildList(
            builds=(build("dyn", "int8", "openvino", 99, None), build("ov", "int8", "openvino", 80 * 1024),
                    build("onnx", "int8", "onnx", 70 * 1024), build("fp", "pruned", "openvino", 160 * 1024)),
            nets=(net("teacher", 2_000_000, 9_000_000_000), net("student", 50_000, 700_000_000),
                  net("pruned", 40_000, 500_000_000)),
        ),
        "quality": QualityReport(
            definition="no GT-mean", decoder="Pillow", data_digest="ab" * 32, data_kind="paired", images=("a", "b"),
            rows=(quality("int8", "torch", 21.0, 22.5), quality("int8", "openvino", 21.0, 22.0),
                  quality("int8", "onnx", 20.0, 22.0), quality("input", "none", 7.0, 9.0),
                  quality("teacher", "torch", 22.0, 25.0), quality("student", "torch", 21.0, 23.0),
                  quality("control", "torch", 20.0, 21.0), quality("pruned", "torch", 20.0, 24.0),
                  quality("ptq", "torch", 19.0, 20.0)),
        ),
        "speed": SpeedReport(
            device="bench machine", fingerprint={"cpu": "two cores"},
            rows=(speed("student", "openvino", 30.0), speed("pruned", "openvino", 20.0), speed("int8", "openvino", 8.0),
                  speed("int8", "onnx", 16.0)),
        ),
        "runtime": "openvino",
    }  # fmt: skip
    return Results(**{**parts, **changes})


def test_rows_follow_the_chain_with_what_ships_before_other_runtimes() -> None:
    rows = summary_rows(results())
    assert [(row.variant, row.runtime) for row in rows] == [
        ("input", "–"), ("teacher", "torch"), ("control", "torch"), ("student", "torch"), ("pruned", "torch"),
        ("ptq", "torch"), ("int8", "openvino"), ("int8", "torch"), ("int8", "onnx"),
    ]  # fmt: skip


def test_a_build_that_no_device_wants_has_its_row_too() -> None:
    listed = results().quality
    more = listed.model_copy(update={"rows": (quality("int8", "tflite", 21.0, 22.0), *listed.rows)})
    shown = [row.runtime for row in summary_rows(results(quality=more)) if row.variant == "int8"]
    assert shown == ["openvino", "torch", "onnx", "tflite"]


def test_figures_of_the_row_that_ships() -> None:
    row = next(row for row in summary_rows(results()) if row.variant == "int8")
    assert (row.params, row.macs, row.size_bytes) == (40_000, 500_000_000, 80 * 1024)
    assert (row.psnr_db, row.worst_psnr_db, row.p50_ms, row.fps) == (21.5, 21.0, 8.0, 125.0)
    assert row.ssim == pytest.approx(0.8)
    shown = ("INT8 student", "openvino", "40,000", "0.500", "21.50", "21.00", "0.800", "125.0", "8.00", "80")
    assert cells(row) == shown


def test_what_was_not_measured_is_a_dash() -> None:
    rows = {(row.variant, row.runtime): cells(row) for row in summary_rows(results())}
    assert rows["input", "–"] == ("dark input", "–", "–", "–", "8.00", "7.00", "0.800", "–", "–", "–")
    assert rows["int8", "torch"][7:] == ("–", "–", "–")
    assert rows["ptq", "torch"][7:] == ("–", "–", "–")
    unmeasured = results(speed=SpeedReport(device="none", fingerprint={}, rows=(), not_measured="no Jetson here"))
    assert all(cells(row)[7] == "–" for row in summary_rows(unmeasured))
    assert any("no Jetson here" in note for note in footnotes(unmeasured))


def test_estimates_are_marked() -> None:
    guess = speed("int8", "openvino", 8.0, "estimated")
    estimated = results(speed=SpeedReport(device="x", fingerprint={}, rows=(guess,)))
    row = next(row for row in summary_rows(estimated) if row.variant == "int8")
    assert cells(row)[7] == "125.0 (est.)"
    assert any("estimated" in note for note in footnotes(estimated))


def test_footnotes_name_size_device_and_data() -> None:
    text = "\n".join(footnotes(results()))
    for part in ("400x600", "bench machine", "measured", "counted", "no GT-mean", "2 paired test images", "60"):
        assert part in text


def test_gains_compare_like_with_like() -> None:
    lines = {line.split(":")[0]: line for line in gains(results())}
    assert "20.50 → 22.00 dB (+1.50)" in lines["distillation against its control"]
    assert "no claim" in lines["distillation against its control"]
    assert "30.00 → 20.00 ms (1.50x, measured)" in lines["pruning"] and "0.700 → 0.500 G" in lines["pruning"]
    assert "19.50 → 21.75 dB" in lines["QAT against PTQ"]  # both through torch
    assert "20.00 → 8.00 ms (2.50x" in lines["INT8 against its float self (pruned)"]


def test_what_int8_buys_beyond_a_shorter_float_is_told() -> None:
    half = speed("pruned", "openvino", 12.0).model_copy(update={"precision": "bf16"})
    lines = gains(results(speed=results().speed.model_copy(update={"also": (half,)})))
    assert lines[-1] == "INT8 against the same run in bf16 (pruned): p50 12.00 → 8.00 ms (1.50x, measured)"


def test_pruning_without_timings_says_so() -> None:
    unmeasured = results(speed=SpeedReport(device="none", fingerprint={}, rows=()))
    assert any("milliseconds not measured" in line for line in gains(unmeasured))


def test_no_pruning_no_line() -> None:
    kept = results().quality.model_copy(
        update={"rows": tuple(row for row in results().quality.rows if row.variant not in ("pruned", "ptq", "control"))}
    )
    plain = results(quality=kept, builds=BuildList(builds=results().builds.builds[:3], nets=results().builds.nets[:2]))
    assert [line.split(":")[0] for line in gains(plain)] == ["INT8 against its float self (float student)"]


def test_markdown_has_the_same_cells() -> None:
    lines = markdown_table(results()).splitlines()
    assert lines[0] == "| " + " | ".join(HEADINGS) + " |"
    assert len({line.count("|") for line in lines}) == 1
    assert lines[2:] == ["| " + " | ".join(cells(row)) + " |" for row in summary_rows(results())]


VERDICT = VerdictRecord(
    result="fail",
    checks=(
        Check(
            name="max_int8_drop_db", limit=0.1, measured=0.5, unit="dB", origin="measured", result="fail", note="n|m"
        ),
        Check(name="max_size_bytes", limit=100_000, measured=81_920, unit="B", origin="counted", result="pass"),
        Check(name="min_fps", limit=30, measured=None, unit="FPS", origin=None, result="incomplete", note="no device"),
    ),
    reasons=("rknn build wanted but not made: no SDK",),
)


def test_checks_keep_their_digits() -> None:
    assert [check_cells(check)[1:4] for check in VERDICT.checks] == [
        ("0.1 dB", "0.500 dB", "fail"), ("100,000 B", "81,920 B", "pass"), ("30 FPS", "–", "incomplete"),
    ]  # fmt: skip


def test_report_holds_everything_and_repeats() -> None:
    text = markdown_report("kd on x86", results(), VERDICT)
    for part in ("# kd on x86", "Verdict: fail", "rknn build wanted", "n\\|m", "two cores", "What each step bought"):
        assert part in text
    assert text == markdown_report("kd on x86", results(), VERDICT)


def built(name: str, variant: Any, runtime: Any, **found: Any) -> Build:
    facts = {"operators": {}, "int8_layers": 5, "float_layers": 2, **found}
    return build(name, variant, runtime, 1024).model_copy(update={"inspection": Inspection(**facts)})


BUILDS = BuildList(
    builds=(
        built("float-ov", "pruned", "openvino", int8_layers=0, notes=("ReduceMax written as GlobalMaxPool",)),
        built("quiet", "student", "openvino", int8_layers=0),
        built(
            "int8-ov", "int8", "openvino",
            float_islands=("/net/light/down1/Conv/WithoutBiases", "/net/repair/middle2/Conv"),
            float_though_trained=("/net/repair/middle2/Conv",), scales_compared=11, notes=("range from frames",),
        ),
        built("int8-rk", "int8", "rknn", scale_differences=("repair.middle3 weight: 128/127",)),
        built("int8-onnx", "int8", "onnx", int8_layers=0),
    ),
    not_built=(NotBuilt(runtime="rknn", reason="no float layers", variant="pruned"),),
)  # fmt: skip


def test_the_report_says_of_each_build_what_its_sdk_did() -> None:
    text = markdown_report("kd", results(builds=BUILDS), VERDICT)
    parts = {part.split("\n")[0].split(" ")[0]: part for part in text.split("\n### ")[1:]}
    assert list(parts) == ["int8-ov", "int8-rk", "int8-onnx", "float-ov"]  # what ships first; nothing to say, no part
    assert "- WARNING: float islands, though quantized: repair.middle2\n" in parts["int8-ov"]
    assert "- 5 of 7 layers with weights run in int8; left float: light.down1\n" in parts["int8-ov"]
    assert "- 11 scales read back, all equal\n- range from frames\n" in parts["int8-ov"]
    assert "- WARNING: scale differs: repair.middle3 weight: 128/127\n" in parts["int8-rk"]
    assert "- WARNING: no layer runs in int8\n" in parts["int8-onnx"]
    assert "- ReduceMax written as GlobalMaxPool\n" in parts["float-ov"]
    assert "- pruned for rknn: not built: no float layers\n" in text


def plan(stages: tuple[Any, ...] = ("teacher", "distill")) -> Plan:
    return Plan("kd", "bench", "embedded", Recipe(stages=stages), Target(),
                DataSpec(licence="CC0", kind="embedded"), {})  # fmt: skip


def printed(artefacts: tuple[Artefact, ...], width: int = 160) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_result(plan(), artefacts, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_terminal_shows_figures_and_verdict(tmp_path: Path) -> None:
    found = results(
        builds=results().builds.model_copy(update={"not_built": (NotBuilt(runtime="rknn", reason="no [SDK]"),)})
    )
    found.builds.write(tmp_path / "builds.json")
    found.quality.write(tmp_path / "quality.json")
    found.speed.write(tmp_path / "speed.json")
    VERDICT.write(tmp_path / "verdict.json")
    text = printed((Builds(tmp_path, "", ""), Measurements(tmp_path, "", ""), Verdict(tmp_path, "", "")))
    for row in summary_rows(found):
        assert all(cell in text for cell in cells(row))
    told_of = results(builds=found.builds.model_copy(update={"builds": BUILDS.builds, "not_built": BUILDS.not_built}))
    told_of.builds.write(tmp_path / "builds.json")
    lines = printed((Builds(tmp_path, "", ""), Measurements(tmp_path, "", "")))
    assert "int8-ov: WARNING: float islands, though quantized: repair.middle2" in lines
    assert "int8-ov: 5 of 7 layers with weights run in int8; left float: light.down1" in lines
    assert "pruned for rknn: not built: no float layers" in lines
    for part in ("kd on bench", "Verdict: fail", "max_int8_drop_db", "0.500 dB", "rknn build wanted", "pruning:"):
        assert part in text


def test_chain_without_measurements_shows_networks_and_curves(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.safetensors").write_bytes(b"x" * 2048)
    points = [{"step": 1, "lr": 0.1, "loss": 0.5, "parts": {}}, {"step": 9, "lr": 0.0, "loss": 0.25, "parts": {}}]
    points[0]["val_psnr_db"], points[1]["val_psnr_db"] = 15.0, 21.5
    (tmp_path / "one" / "curve.json").write_text(json.dumps({"steps": 1234, "points": points}))
    text = printed((Teacher(tmp_path / "one", "", ""), Student(tmp_path / "two", "", "")))
    assert "Teacher: " in text and "2 KiB" in text and "Student: " in text
    assert "1,234 steps, loss 0.5000 → 0.2500, validation PSNR 15.00 → 21.50 dB" in text


@pytest.mark.parametrize("reasons", [(), ("the verdict is fail",)])
def test_bundle_shows_status_place_and_how_to_verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reasons: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))
    bundle = Bundle(tmp_path, "", "")
    bundle.bundle.mkdir()
    (bundle.bundle / "README.md").write_text("hello")
    seal(bundle.bundle, Contents("tiny", reasons, ()), resolve_key(None))
    text = printed((bundle,), width=60)  # a narrow terminal must not break the command in two
    command = f"compress verify {bundle.bundle} --key public.pem"
    assert ("DRAFT" if reasons else "RELEASE") in text and all(reason in text for reason in reasons)
    assert f"  {command}{' --allow-draft' if reasons else ''}\n" in text


def test_figures_stay_whole_in_eighty_columns(tmp_path: Path) -> None:
    found = results()
    for name, record in (("builds", found.builds), ("quality", found.quality), ("speed", found.speed)):
        record.write(tmp_path / f"{name}.json")
    text = printed((Builds(tmp_path, "", ""), Measurements(tmp_path, "", "")), width=80)
    for row in summary_rows(found):
        assert any(all(cell in line for cell in cells(row)[1:]) for line in text.splitlines()), row
