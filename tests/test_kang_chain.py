"""``recipe=kang_rir`` in a handful of steps, from Net-T to the bundle: what each network saw, learnt and was judged by.

Takes some twenty seconds: it is the whole chain with two networks to train.
"""

from __future__ import annotations

import pytest

from compress.artefacts import Bundle, Measurements, Quantized, Student, Teacher
from compress.config.load import load_plans
from compress.errors import ConfigError
from compress.flow import Quiet, RunResult, run
from compress.models.weights import load_net
from compress.records import QualityReport, QuantizationTable
from compress.store.store import Store
from compress.training.loop import Curve

WORDS = (
    "recipe=kang_rir", "target=x86_edge", "data.size=[64,96]", "data.copies=1", "target.export.size=[64,96]",
    "teach.width=8", "teach.train.phases=[{epochs: 1, batch: 3, crop: 64}]", "distill.control=true",
    "distill.train.phases=[{epochs: 1, batch: 3, downscale: 2, without: [repair]}, "
    "{epochs: 1, batch: 3, freeze: [light], level_of: repair, anew: true}]",
    "quantize.train.phases=[{epochs: 0.3, batch: 2}]", "quantize.calibration_images=2",
    "validation.max_images=2", "validation.timed_runs=1", "validation.warmup_runs=1", "package.golden_frames=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    home = tmp_path_factory.mktemp("kang")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPRESS_HOME", str(home / "home"))
        return run(load_plans(WORDS)[0], Store(home / "store"), Quiet())


def test_all_stages_ran_and_a_bundle_was_made(result: RunResult) -> None:
    assert [outcome.name for outcome in result.outcomes] == [
        "teach", "distill", "control", "quantize", "export", "validate", "gate", "package",
    ]  # fmt: skip
    bundle = result.newest(Bundle)
    assert bundle is not None and '"split_digest"' in (bundle.bundle / "provenance.json").read_text()


def test_features_are_imitated_once_the_light_has_learnt(result: RunResult) -> None:
    teacher, student = result.newest(Teacher), result.newest(Student)
    assert teacher is not None and student is not None
    assert load_net(teacher.weights).settings == {"width": 8, "depth": 6, "blocks": 4}
    terms = {"charbonnier", "ms_ssim", "brightness", "gradient", "total_variation"}
    points = Curve.read(student.folder / "curve.json").points
    assert all(terms <= point.parts.keys() for point in points)
    assert {"hint0", "hint1", "hint2"} <= points[-1].parts.keys() and "hint0" not in points[0].parts


def test_net_t_is_not_judged_by_dark_pictures(result: RunResult) -> None:
    measured, quantized = result.newest(Measurements), result.newest(Quantized)
    assert measured is not None and quantized is not None
    rows = QualityReport.read(measured.folder / "quality.json").rows
    assert {row.variant for row in rows} == {"input", "student", "control", "int8", "ptq"}
    table = QuantizationTable.read(quantized.table)
    gates = [row for row in table.tensors if "attention" in row.tensor and row.kind == "activation"]
    assert gates and not [row for row in table.tensors if row.tensor.startswith("light")]


def test_it_can_t_be_asked_how_bright() -> None:
    words = ("recipe=kang_rir", "target=x86_edge", "distill.train.phases=[{epochs: 1, ask: true}]")
    with pytest.raises(ConfigError, match="distill.train.phases: the teacher sees the truth and can't be asked"):
        load_plans(words)
