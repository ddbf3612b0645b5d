"""Figures of frames against limits."""

from __future__ import annotations

import pytest

from compress.camera_checks.limits import Limits, judge
from compress.camera_checks.records import CameraReport, FlickerRow, SceneFacts, SeamRow, SeamsNotMeasured

SCENE = SceneFacts(picture="p.png", frames=3, pan_px=4, exposure=0.1, shot_noise=0.001, seed=0)
FLICKER = FlickerRow(
    build="b", variant="int8", runtime="onnx", height=32, width=48, input_brightness_std_percent=0.1,
    brightness_std_percent=0.2, input_pixel_std_codes=2.0, pixel_std_codes=6.0, pan_mean_percent=0.5,
    pan_max_percent=1.5,
)  # fmt: skip
SEAM = SeamRow(
    build="b", variant="int8", runtime="onnx", tile_height=32, tile_width=48, halo_px=8, near_mean_codes=1,
    near_max_codes=2, elsewhere_mean_codes=1, elsewhere_max_codes=2, step_codes=4.0, tile_spread_percent=1,
)  # fmt: skip
REPORT = CameraReport(scene=SCENE, flicker=(FLICKER,), seams=(SEAM,))


@pytest.mark.parametrize(
    ("name", "figure", "said"),
    [
        ("flicker_percent", 0.2, "flicker of the mean is 0.200 %, the limit 0.19 %"),
        ("noise_ratio", 3.0, "noise of a pixel over the input's is 3.000, the limit 2.99"),
        ("pan_percent", 1.5, "change while panned is 1.500 %, the limit 1.49 %"),
        ("seam_codes", 4.0, "jump at a seam is 4.000 codes, the limit 3.99 codes"),
    ],
)
def test_a_limit_is_broken_just_below_the_figure(name: str, figure: float, said: str) -> None:
    assert judge(REPORT, Limits(**{name: figure})).broken == ()
    assert judge(REPORT, Limits(**{name: figure - 0.01})).broken == (f"b: {said}",)


def test_without_limits_nothing_is_broken() -> None:
    unmeasured = REPORT.model_copy(update={"seams_not_measured": (SeamsNotMeasured(build="c", reason="too small"),)})
    assert judge(unmeasured, Limits()) == judge(REPORT, Limits(seam_codes=9))


def test_what_was_not_measured_is_missing_where_it_is_limited() -> None:
    unmeasured = REPORT.model_copy(update={"seams_not_measured": (SeamsNotMeasured(build="c", reason="too small"),)})
    judged = judge(unmeasured, Limits(seam_codes=9))
    assert judged.broken == ()
    assert judged.missing == ("c: no seams to hold against the limit of 9 codes: too small",)


def test_a_figure_that_is_no_number_breaks_the_limit() -> None:
    broken = REPORT.model_copy(update={"flicker": (FLICKER.model_copy(update={"pan_max_percent": float("nan")}),)})
    assert judge(broken, Limits(pan_percent=99)).broken
