"""``recipe=real_sr`` from one camera's frames to the bundle.

Takes some ten seconds: it is the whole chain with two networks to train.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from known_kernels import PHOTOGRAPHS, given, known_kernel
from PIL import Image

from compress.artefacts import Bundle, Measurements, Pruned, Quantized, Verdict
from compress.bundle.contract import CONTRACT, ContractFile
from compress.bundle.golden import read_png
from compress.config.load import load_plans
from compress.degradation.kernel import kernel_psnr_db
from compress.degradation.records import KernelReport
from compress.flow import Quiet, RunResult, run
from compress.looks.records import read_looks
from compress.records import QualityReport, VerdictRecord
from compress.store.store import Store
from compress.training.loop import Curve

SCALE, FRAME, LOW = 2, (64, 96), (32, 48)
TRUE = known_kernel(3, SCALE)
SHORT = "train.phases=[{epochs: 0.5, batch: 4, crop: 32}]"
WORDS = (
    "recipe=real_sr", "target=x86_edge", f"target.export.size={list(LOW)}", "target.export.builds=[onnx,openvino]",
    "target.export.dynamic=false", "target.budget.min_psnr_db=3", "teach.width=8", "student.width=16",
    "student.depth=2", "distill.hints=[{teacher: enlarge.repair.middle1, student: repair.middle1, weight: 0.1, "
    "by: affinity}]", "quantize.calibration_images=2", "validation.timed_runs=3", "validation.warmup_runs=1",
    "package.golden_frames=1", *(f"{stage}.{SHORT}" for stage in ("teach", "distill", "prune", "quantize")),
)  # fmt: skip


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    folder = tmp_path_factory.mktemp("camera")
    (folder / "frames").mkdir()
    for name in PHOTOGRAPHS:
        picture = given(name, TRUE, SCALE)
        for part, left in enumerate((0, picture.shape[1] - FRAME[1])):
            Image.fromarray(picture[40 : 40 + FRAME[0], left : left + FRAME[1]]).save(
                folder / "frames" / f"{name}-{part}.png"
            )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COMPRESS_HOME", str(folder))
        plan = load_plans((*WORDS, "data=frames", f"data.root={folder / 'frames'}", "data.gap=0"))[0]
        return run(plan, Store(folder / "store"), Quiet())


def bundle(done: RunResult) -> Path:
    found = done.newest(Bundle)
    assert isinstance(found, Bundle)
    return found.bundle


def test_frames_go_through_all_stages_to_builds_that_enlarge(done: RunResult) -> None:
    names = [outcome.name for outcome in done.outcomes]
    assert names == ["degrade", "teach", "distill", "prune", "quantize", "export", "validate", "gate", "package"]
    measured, verdict = done.newest(Measurements), done.newest(Verdict)
    assert measured is not None and verdict is not None and done.newest(Pruned) is not None
    quality = QualityReport.read(measured.folder / "quality.json")
    by = {(row.variant, row.runtime): row.psnr_db for row in quality.rows}
    assert quality.fidelity is not None and quality.fidelity.to == "given frame"
    for runtime in ("onnx", "openvino", "torch"):
        assert by["int8", runtime][0] > 15
    checks = {check.name: check.result for check in VerdictRecord.read(verdict.folder / "verdict.json").checks}
    assert checks["min_psnr_db"] == "pass"
    contracts = ContractFile.read(bundle(done) / CONTRACT).builds
    assert {each.runtime for each in contracts} == {"onnx", "openvino"}
    assert {each.contract.scale for each in contracts} == {SCALE}


def test_the_quantized_network_is_held_to_its_own_answers(done: RunResult) -> None:
    quantized = done.newest(Quantized)
    assert quantized is not None
    parts = Curve.read(quantized.folder / "curve.json").points[-1].parts
    assert {"itself", "back_projection"} <= parts.keys() and parts["itself"] < 0.03


def test_the_report_shows_the_kernel_and_given_frames_before_and_after(done: RunResult) -> None:
    report = bundle(done) / "report"
    kernel = KernelReport.read(report / "kernel.json")
    assert kernel_psnr_db(kernel.kernel, TRUE) > 20 and kernel.restarts > 1
    looks = read_looks(report / "given" / "looks")
    assert looks is not None and {each.kind for each in looks.shown} == {"input", "float", "int8"}
    for crop in looks.looks[0].crops:
        assert read_png(report / "given" / "looks" / crop.file).shape == (SCALE * LOW[0], SCALE * LOW[1], 3)
    page = (report / "report.html").read_text()
    _, _, shown = page.partition('<section aria-labelledby="given">')
    shown = shown.partition("</section>\n\n")[0]
    assert shown.count("<img") == 3 * len(looks.looks) and " dB<" not in shown
