"""Networks from outside from the command to the bundle: quantized as they are, and pruned and trained in place."""

from __future__ import annotations

import json
from pathlib import Path

import public_styles
import pytest
import torch
from foreign_nets import Single, write_onnx
from torch import nn

from compress.artefacts import Builds, Bundle, Measurements, Quantized, Student
from compress.cli import execute
from compress.config.load import load_plans
from compress.flow import Quiet, RunResult, run
from compress.metrics.distance import untrained_loss_db
from compress.records import BuildList, QualityReport, QualityRow, VerdictRecord
from compress.store.digests import hash_file
from compress.store.store import Store

SIZE = (64, 96)
SHORT = (
    "target=x86_edge", "data.size=[64,96]", "data.copies=1", "target.export.size=[64,96]",
    "quantize.calibration_images=2", "sensitivity.max_images=1",
    "validation.max_images=2", "validation.timed_runs=1", "validation.warmup_runs=1", "package.golden_frames=1",
    "student.adapter.colours=RGB", "student.adapter.range=0..1", "student.adapter.answers=picture",
)  # fmt: skip
LOOSE = tuple(f"target.budget.{name}=null" for name in ("min_gain_over_input_db", "min_fps", "min_int8_speedup"))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside")


@pytest.fixture(autouse=True)
def own_store(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMPRESS_HOME", str(home / "home"))
    monkeypatch.setenv("COMPRESS_STORE", str(home / "store"))


def author(name: str) -> nn.Module:
    torch.manual_seed(4)
    net: nn.Module = getattr(public_styles, name)()
    return net.eval()


def module_words(name: str, home: Path) -> tuple[str, ...]:
    torch.save(author(name).state_dict(), home / f"{name}.pth")
    source = f"student.source.network={public_styles.__file__}:{name}"
    return (*SHORT, source, f"student.source.weights={home / name}.pth")


def made(words: tuple[str, ...], home: Path, codes: tuple[int, ...] = (0, 1)) -> RunResult:
    """What ``compress run`` made, taken from its store."""
    assert execute(["run", *words]) in codes
    again = run(load_plans(words)[0], Store(home / "store"), Quiet())
    assert all(outcome.reused for outcome in again.outcomes)
    return again


def listed(result: RunResult) -> BuildList:
    builds = result.newest(Builds)
    assert builds is not None
    return BuildList.read(builds.folder / "builds.json")


def judged_by_both(verdict: VerdictRecord, rows: tuple[QualityRow, ...]) -> None:
    """What was not trained is judged by its drop and by its distance to the float answer."""
    found = {row.variant: row for row in rows if row.runtime == "openvino"}
    full, int8 = found["student"], found["int8"]
    losses = list(map(untrained_loss_db, full.psnr_db, int8.psnr_db, int8.psnr_to_float_db))
    checks = {check.name: check for check in verdict.checks}
    assert checks["max_int8_drop_db"].measured == pytest.approx(sum(losses) / 2) and min(losses) > 0
    assert checks["max_worst_drop_db"].measured == pytest.approx(max(losses))
    for name in ("max_int8_drop_db", "max_worst_drop_db"):
        assert "not trained: the larger of drop and distance to the float answer" in checks[name].note


def test_a_module_is_quantized_and_its_bundle_made(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("recipe=ptq", *module_words("Decomposition", home), "student.adapter.size_multiple=1",
             "student.adapter.output=0", *LOOSE)  # fmt: skip
    result = made(words, home)
    told = capsys.readouterr().out
    assert "against the float network's own pictures: PSNR" in told and "max_worst_drop_db" in told
    assert {build.name for build in listed(result).builds} == {
        "student-onnx-64x96", "student-openvino-64x96", "int8-onnx-64x96", "int8-openvino-64x96", "int8-onnx-free",
    }  # fmt: skip
    measurements, bundle, student = (result.newest(kind) for kind in (Measurements, Bundle, Student))
    assert measurements is not None and bundle is not None and student is not None
    rows = QualityReport.read(measurements.folder / "quality.json").rows
    assert {len(row.psnr_to_float_db) for row in rows if row.variant == "int8"} == {2}
    judged_by_both(VerdictRecord.read(bundle.bundle / "report" / "verdict.json"), rows)
    licences = (bundle.bundle / "LICENSES" / "README.md").read_text()
    assert f"weights: network, SHA-256 `{hash_file(student.folder / 'weights.safetensors')}`" in licences
    builds = result.newest(Builds)
    assert builds is not None and execute(["parity", str(builds.folder)]) == 0
    assert "int8-openvino-64x96" in capsys.readouterr().out


def test_an_onnx_file_of_one_size_ships_incomplete_where_a_build_of_free_size_is_wanted(home: Path) -> None:
    source = write_onnx(Single(author("Decomposition"), 0), home / "fixed.onnx", SIZE, free=False)
    words = (
        "recipe=ptq",
        *SHORT,
        f"student.source.network={source.network}",
        "student.adapter.size_multiple=1",
        *LOOSE,
    )
    result = made(words, home, (3,))
    found = listed(result)
    (absent,) = found.not_built
    assert absent.free and absent.variant == "int8" and "takes 64x96, not" in absent.reason
    assert {build.name for build in found.builds if build.ships} == {"int8-onnx-64x96", "int8-openvino-64x96"}
    bundle, quantized = result.newest(Bundle), result.newest(Quantized)
    assert bundle is not None and quantized is not None
    verdict = json.loads((bundle.bundle / "report" / "verdict.json").read_text())
    assert verdict["result"] == "incomplete", verdict
    (reason,) = verdict["reasons"]
    assert "of free size wanted but not made" in reason and reason.endswith("target.export.dynamic=false")
    digest = json.loads((quantized.folder / "foreign.json").read_text())["digests"]
    assert any(f"SHA-256 `{each}`" in (bundle.bundle / "LICENSES" / "README.md").read_text()
               for each in digest.values())  # fmt: skip


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # of the author's own export
def test_a_transformer_s_file_is_quantized(home: Path) -> None:
    source = write_onnx(author("Transformer"), home / "transformer.onnx", SIZE)
    words = ("recipe=ptq", *SHORT, f"student.source.network={source.network}", "student.adapter.size_multiple=8",
             "student.adapter.padding=replicate", *LOOSE)  # fmt: skip
    found = listed(made(words, home))
    assert all(build.inspection.int8_layers for build in found.builds if build.name == "int8-openvino-64x96")
    assert any(build.name == "int8-onnx-free" for build in found.builds) or found.not_built[0].free


def test_a_module_is_pruned_and_trained_in_place(home: Path) -> None:
    step = "[{epochs: 0.01, batch: 2}]"
    words = ("recipe=adopt", *module_words("SmallUNet", home), "student.adapter.size_multiple=2",
             "student.adapter.padding=reflect", f"prune.train.phases={step}", f"quantize.train.phases={step}",
             "prune.importance=magnitude", *LOOSE)  # fmt: skip
    words = tuple(word for word in words if not word.startswith("sensitivity"))
    found = listed(made(words, home))
    assert {build.variant for build in found.builds} == {"student", "pruned", "int8", "ptq"}
    facts = {net.variant: net for net in found.nets}
    assert (facts["pruned"].params or 0) < (facts["student"].params or 0)
