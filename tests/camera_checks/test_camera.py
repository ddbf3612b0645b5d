"""``compress camera`` on real tiny builds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_chain import Chain

from compress.camera_checks.records import CameraReport
from compress.cli import execute
from compress.data.pictures import write_png


def _camera(chain: Chain, out: Path, *words: str) -> CameraReport:
    command = ["camera", *words, "--threads", "1", "--frames", "4", "--store", str(chain.root)]
    assert execute([*command, "--json", str(out / "camera.json")]) == 0
    return CameraReport.read(out / "camera.json")


def test_float_and_int8_builds_are_checked_side_by_side(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _camera(chain, tmp_path)
    names = ["student-onnx-32x48", "student-openvino-32x48", "int8-onnx-32x48", "int8-openvino-32x48"]
    assert sorted(row.build for row in report.flicker) == sorted(names)
    assert {row.build for row in report.seams} == set(names) and report.seams_not_measured == ()
    for row in report.flicker:
        assert row.input_pixel_std_codes > 0 and row.pixel_std_codes > 0
        assert 0 < row.pan_mean_percent <= row.pan_max_percent < 50
    given = {(row.input_pixel_std_codes, row.input_brightness_std_percent) for row in report.flicker}
    assert len(given) == 1  # all saw the same frames
    assert {row.halo_px for row in report.seams} == {0}  # no halo fits twice into 32 rows
    assert report.scene.picture == "coffee.png" and report.scene.frames == 4
    shown = capsys.readouterr().out
    assert "Flicker" in shown and "Seams" in shown and "tiles are not exact" in shown


def test_a_picture_of_the_users_own_and_builds_by_name(chain: Chain, tmp_path: Path) -> None:
    write_png(tmp_path / "day.png", np.random.default_rng(0).integers(90, 250, (80, 120, 3), np.uint8))
    report = _camera(chain, tmp_path, "int8-onnx-32x48", "--picture", str(tmp_path / "day.png"))
    assert [row.build for row in report.flicker] == ["int8-onnx-32x48"] and report.scene.picture == "day.png"


@pytest.mark.parametrize(
    ("words", "said"),
    [(("int9",), "no build 'int9'"), (("--picture", "none.png"), "none.png"), (("--frames", "2"), "--frames")],
)
def test_mistakes_are_said_in_a_line(
    words: tuple[str, ...], said: str, chain: Chain, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["camera", *words, "--store", str(chain.root)]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint and "Traceback" not in complaint


def test_limits_decide_the_exit_code(chain: Chain, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["camera", "int8-onnx-32x48", "--threads", "1", "--frames", "3", "--store", str(chain.root)]
    generous = ["--max-flicker", "99", "--max-noise", "999", "--max-pan", "99", "--max-seam", "255"]
    assert execute([*command, *generous]) == 0
    assert "the limit" not in capsys.readouterr().out
    assert execute([*command, *generous, "--max-pan", "0"]) == 1
    shown = capsys.readouterr().out
    assert "int8-onnx-32x48: change while panned is " in shown and "the limit 0 %" in shown
