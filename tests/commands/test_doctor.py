"""``compress doctor`` with no SDK, with broken ones, and with devices that don't answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tiny_toolchain import write_environment

import compress.commands.doctor as doctor
from compress.cli import execute
from compress.commands.doctor import Finding, Findings
from compress.toolchains import TOOLCHAINS
from compress.toolchains.environment import HOME_VARIABLE, MARKER

pytestmark = pytest.mark.usefixtures("workplace")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def no_toolchains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "nothing"))


def look(capsys: Capture) -> dict[tuple[str, str], Finding]:
    assert execute(("doctor", "--json")) == 0
    found = Findings.model_validate(json.loads(capsys.readouterr().out)).findings
    return {(one.kind, one.name): one for one in found}


def test_without_any_sdk_each_has_its_command(capsys: Capture) -> None:
    found = look(capsys)
    for name, toolchain in TOOLCHAINS.items():
        one = found["toolchain", name]
        assert (one.state, one.facts, one.mend) == ("absent", toolchain.description, f"compress setup {name}")
    assert found["machine", "local CPU"].state == "ready"
    assert found["runtime", "onnx"].facts.startswith("onnxruntime ")
    assert found["device", "box"].state == "ready"


def test_the_table_ends_with_the_commands(capsys: Capture) -> None:
    assert execute(("doctor",)) == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert any(line.split()[:3] == ["toolchain", "rknn", "absent"] for line in lines)
    assert "toolchain rknn:  compress setup rknn" in lines


def test_ready_and_broken(capsys: Capture, tiny: Path) -> None:
    write_environment(tiny)
    one = look(capsys)["toolchain", "tensorrt"]
    assert (one.state, one.mend) == ("ready", "")
    assert one.facts.startswith("tiny-sdk 1.0, Python 3.")
    (tiny / MARKER).unlink()
    one = look(capsys)["toolchain", "tensorrt"]
    assert (one.state, one.facts) == ("broken", "half made: ready.json is missing")
    assert one.mend == "compress setup tensorrt"


def test_runtimes_absent_and_broken(capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "breaks_on_import.py").write_text("raise OSError('lib.so: wrong ELF class')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(
        doctor, "_CORE", {"onnx": ("no-such-package", "no_such"), "openvino": ("click", "breaks_on_import")}
    )
    found = look(capsys)
    absent, broken = found["runtime", "onnx"], found["runtime", "openvino"]
    assert (absent.state, absent.mend) == ("absent", "pip install 'no-such-package'")
    assert broken.state == "broken"
    assert "lib.so: wrong ELF class" in broken.facts
    assert broken.mend.startswith("pip install --force-reinstall --no-deps 'click")


@pytest.mark.parametrize(
    ("text", "state", "facts", "mend"),
    [
        ("device: {kind: ssh, runtime: rknn}", "not configured", "rknn on ssh, which is not named",
         "compress run recipe=kd_int8 target=far target.device.host=HOST"),
        ("device: {kind: none}", "not configured", "no device: builds only", ""),
        ("device: {kind: ssh, host: board.invalid, runtime: rknn}", "out of reach", "rknn on ssh board.invalid: ",
         "ssh -v board.invalid"),
        ("device: {kind: adb, runtime: rknn}", "not configured", "rknn on adb, which is not named",
         "compress run recipe=kd_int8 target=far target.device.host=HOST"),
        ("device: {kind: adb, host: '$(x)', runtime: rknn}", "out of reach", "rknn on adb $(x): '$(x)' can't be", ""),
        ("device: {kind: smoke}", "broken", "targets/far.yaml: ", ""),
    ],
)  # fmt: skip
def test_devices(capsys: Capture, workplace: Path, text: str, state: str, facts: str, mend: str) -> None:
    (workplace / "targets/far.yaml").write_text(f"description: far away\n{text}\n", encoding="utf-8")
    one = look(capsys)["device", "far"]
    assert (one.state, one.mend) == (state, mend)
    assert one.facts.startswith(facts)
