"""The whole product in one small run: every stage of ``recipe=tiny``, its bundle, its reuse, its resume."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import TypeVar

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from compress.artefacts import Artefact, Bundle, Measurements, Quantized, Verdict
from compress.bundle.keys import public_pem, resolve_key
from compress.bundle.pem import make_key
from compress.bundle.verify import verify_bundle
from compress.cli import execute
from compress.config.load import load_plans
from compress.flow import Quiet, RunResult, run
from compress.records import BuildList, QualityReport, QuantizationTable, SpeedReport, VerdictRecord
from compress.store.manifest import Manifest
from compress.store.store import Store

WORDS = ("recipe=tiny", "data.size=[64,96]", "data.copies=2", "target.export.size=[64,96]")
Kind = TypeVar("Kind", bound=Artefact)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    os.environ["COMPRESS_HOME"] = str(folder)
    return folder


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("tiny") / "store")


@pytest.fixture(scope="module")
def result(store: Store, home: Path) -> RunResult:
    return run(load_plans((*WORDS, "target=x86_edge", "distill.control=true"))[0], store, Quiet())


def _newest(result: RunResult, kind: type[Kind]) -> Kind:
    found = result.newest(kind)
    assert found is not None
    return found


def test_every_network_is_measured(result: RunResult) -> None:
    folder = _newest(result, Measurements).folder
    quality, speed = QualityReport.read(folder / "quality.json"), SpeedReport.read(folder / "speed.json")
    assert {row.variant for row in quality.rows} == {"input", "teacher", "student", "control", "pruned", "int8", "ptq"}
    assert {row.runtime for row in quality.rows if row.variant == "int8"} == {"torch", "onnx", "openvino"}
    assert speed.rows and all(row.origin == "measured" and row.p50_ms <= row.p90_ms <= row.p99_ms for row in speed.rows)


def test_what_reading_took_is_in_the_manifest_of_what_was_trained(result: RunResult) -> None:
    found = {each.name: Manifest.load(each.artefact.folder).reading for each in result.outcomes}
    assert {name for name, reading in found.items() if reading} == {"distill", "control", "prune", "quantize"}
    for name in ("distill", "prune"):
        reading = found[name]
        assert reading is not None and reading.steps > 0 and 0 < reading.read_s and 0 <= reading.waited_share < 1


def test_the_table_of_scales_is_in_the_builds(result: RunResult) -> None:
    table = QuantizationTable.read(_newest(result, Quantized).table)
    export = next(o.artefact for o in result.outcomes if o.name == "export")
    int8 = [b for b in BuildList.read(export.folder / "builds.json").builds if b.variant == "int8"]
    assert table.tensors and int8
    for build in int8:
        assert build.inspection.scales_compared == len(table.tensors) and build.inspection.scale_differences == ()


def test_the_bundle_verifies_with_openssl(result: RunResult, home: Path, tmp_path: Path) -> None:
    bundle = _newest(result, Bundle).bundle
    public = tmp_path / "public.pem"
    public.write_text(public_pem(resolve_key(None)))
    verify_bundle(bundle, public)
    command = ["openssl", "dgst", "-sha256", "-verify", str(public), "-signature", "manifest.sig", "manifest.json"]
    assert "Verified OK" in subprocess.run(command, cwd=bundle, capture_output=True, text=True, check=True).stdout


def test_a_second_run_makes_nothing(result: RunResult, store: Store) -> None:
    again = run(load_plans((*WORDS, "target=x86_edge", "distill.control=true"))[0], store, Quiet())
    assert all(outcome.reused for outcome in again.outcomes)


def test_a_changed_budget_runs_the_gate_and_the_package_only(result: RunResult, store: Store) -> None:
    words = (*WORDS, "target=x86_edge", "distill.control=true", "target.budget.min_fps=1e9")
    again = run(load_plans(words)[0], store, Quiet())
    assert [o.name for o in again.outcomes if not o.reused] == ["gate", "package"]
    verdict = VerdictRecord.read(_newest(again, Verdict).folder / "verdict.json")
    assert {c.name: c.result for c in verdict.checks}["min_fps"] == "fail" and verdict.result == "fail"


def test_other_targets_share_the_distillation_and_end_incomplete(result: RunResult, store: Store) -> None:
    for target in ("jetson", "rk3588"):
        other = run(load_plans((*WORDS, f"target={target}", "distill.control=true"))[0], store, Quiet())
        assert {"teacher", "distill", "control"} <= {o.name for o in other.outcomes if o.reused}
        verdict = VerdictRecord.read(_newest(other, Verdict).folder / "verdict.json")
        assert verdict.result == "incomplete"
        speed = SpeedReport.read(_newest(other, Measurements).folder / "speed.json")
        assert speed.rows == () and speed.not_measured


def test_a_key_from_the_environment_signs_and_is_left_nowhere(
    result: RunResult, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    made = make_key(tmp_path / "ci.pem")
    pem = (tmp_path / "ci.pem").read_text()
    monkeypatch.setenv("COMPRESS_SIGNING_KEY", pem)
    monkeypatch.setattr("compress.bundle.circumstances.dirty_folders", lambda: ())  # told before the verdict is known
    words = (*WORDS, "target=x86_edge", "distill.control=true", "target.budget.min_fps=1e9")
    command = ("package", *words, "package.key=env:COMPRESS_SIGNING_KEY", "--store", str(store.root))
    assert execute(command) == 1  # the verdict; the bundle is there, as a draft
    (bundle,) = (
        path.parent for path in store.root.glob("*/bundle/manifest.json")
        if json.loads(path.read_text())["key_id"] == made.id
    )  # fmt: skip
    assert verify_bundle(bundle, Path(made.name)).manifest.status == "DRAFT"
    assert execute((*command, "--release")) == 1
    out, err = capfd.readouterr()
    assert "error: no release: the verdict is fail (" in err and "min_fps fail" in err
    key = load_pem_private_key(pem.encode(), None)
    secrets = [*pem.encode().splitlines()[1:-1], base64.b64encode(pem.encode())[40:80]]
    secrets += [key.private_numbers().private_value.to_bytes(32, "big")]
    secrets += [secrets[-1].hex().encode()]
    told = (out + err + caplog.text).encode()
    for path in [*store.root.rglob("*"), *store.runs_folder.rglob("*")]:
        found = path.read_bytes() if path.is_file() else b""
        assert not [secret for secret in secrets if secret in found or secret in told], path
