"""``compress gate`` on a target's device: both builds timed there, under its conditions, and incomplete where not."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from gated import gate_of, make_slow, other_bytes, small_bundle, with_speed
from loopback import BoardHere, board_here
from target_file import write_target
from tiny_chain import Chain

from compress.cli import execute

SPEED = "int8-onnx-32x48, slowdown"
WIDE = ("--max-slowdown", "1")


@pytest.fixture
def pair(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Candidate and baseline, whose files differ."""
    monkeypatch.chdir(tmp_path)
    return other_bytes(small_bundle(chain, tmp_path / "after")), small_bundle(chain, tmp_path / "before")


@pytest.fixture(params=["asyncssh", "adb"])
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardHere]:
    with board_here(request.param, tmp_path) as made:
        made.enter(monkeypatch)
        yield made


def test_on_a_board_that_is_named_both_are_timed(chain: Chain, pair: tuple[Path, Path], here: BoardHere) -> None:
    on = here.host if here.kind == "ssh" else f"adb:{here.host}"
    code, results, report = gate_of(chain, *pair, "--on", on, "--python", sys.executable, *WIDE)
    assert code == 0 and results[SPEED] == "pass"
    (session,) = report.sessions
    assert session.build == "int8-onnx-32x48" and session.device.startswith(f"{here.host}, ")
    assert session.fingerprint["onnxruntime"] and session.not_as_wanted == ()


def test_a_slower_candidate_is_caught_on_a_board(chain: Chain, pair: tuple[Path, Path], here: BoardHere) -> None:
    """The files of both have one name, and each has to be run."""
    make_slow(pair[0])
    on = here.host if here.kind == "ssh" else f"adb:{here.host}"
    code, results, report = gate_of(chain, *pair, "--on", on, "--python", sys.executable)
    assert code == 1 and results[SPEED] == "fail"
    assert report.differences[-1].figure is not None and report.differences[-1].figure > 0.3


def test_a_board_that_is_not_as_wanted_is_incomplete(
    chain: Chain, pair: tuple[Path, Path], here: BoardHere, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = {"kind": here.kind, "host": here.host, "python": sys.executable, "runtime": "onnx"}
    pins, sdk = [{"fact": "power_mode", "value": "MAXN"}], [{"fact": "onnxruntime", "value": "0.1"}]
    write_target("mine", **device, conditions={"pins": pins})
    here.tool("nvpmodel", "echo 'NV Power Mode: 15W'; echo 0")
    code, results, report = gate_of(chain, *pair, "--target", "mine", *WIDE)
    assert code == 3 and results[SPEED] == "incomplete" and results["int8 through onnx, PSNR"] == "pass"
    assert "is not as the target wants it: power_mode wanted MAXN, found 15W" in report.differences[-1].note
    assert report.sessions[0].not_as_wanted == ("power_mode wanted MAXN, found 15W",)
    assert report.sessions[0].fingerprint["power_mode"] == "15W"
    here.tool("nvpmodel", "echo 'NV Power Mode: MAXN'; echo 0")
    summary = tmp_path / "summary.md"
    assert gate_of(chain, *pair, "--target", "mine", *WIDE, "--markdown", str(summary))[0] == 0
    assert f"\nTimed on {here.host}, " in summary.read_text()
    write_target("mine", **device, conditions={"sdk": sdk})
    code, results, report = gate_of(chain, *pair, "--target", "mine", *WIDE)
    assert code == 3 and "onnxruntime wanted 0.1, found" in report.differences[-1].note


def test_this_machine_has_conditions_too(chain: Chain, pair: tuple[Path, Path]) -> None:
    pin = {"fact": "onnxruntime", "value": metadata.version("onnxruntime")}
    write_target("mine", kind="local", runtime="onnx", threads=1, conditions={"pins": [pin]})
    code, results, report = gate_of(chain, *pair, "--target", "mine", *WIDE)
    assert code == 0 and results[SPEED] == "pass" and report.sessions[0].device.startswith("local, ")
    write_target("mine", kind="local", runtime="onnx", conditions={"pins": [{**pin, "value": "0.1"}]})
    code, results, report = gate_of(chain, *pair, "--target", "mine", *WIDE)
    assert code == 3 and report.sessions[0].not_as_wanted[0].startswith("onnxruntime wanted 0.1, found ")


def test_what_the_targets_board_can_not_time_is_incomplete(
    chain: Chain, pair: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, report = gate_of(chain, *pair, "--target", "jetson")
    assert code == 3 and report.sessions == ()
    assert report.differences[-1].note.startswith("no device: set device.host to where the ssh device is")
    code, _, report = gate_of(chain, *pair, "--target", "jetson", "--on", "board")
    assert code == 3 and "no build that the target's board runs (tensorrt)" in report.differences[-1].note
    command = ["gate", str(pair[0]), "--baseline", str(pair[1]), "--store", str(chain.root), "--target", "jetsn"]
    assert execute(command) == 2 and "no target 'jetsn'. Did you mean 'jetson'?" in capsys.readouterr().err


def test_stored_figures_count_where_they_are_of_the_target(
    chain: Chain, tmp_path: Path, pair: tuple[Path, Path]
) -> None:
    pins = [{"fact": "power_mode", "value": "MAXN"}]
    accepted, file = with_speed(pair[1], 5.0, "board, two", power_mode="MAXN"), tmp_path / "b.json"
    assert execute(["baseline", "set", str(accepted), "--file", str(file), "--store", str(chain.root)]) == 0
    shutil.rmtree(accepted)
    name = "int8-onnx-32x48, slowdown by stored figures"
    write_target("mine", kind="ssh", host="board", runtime="onnx", conditions={"pins": pins})
    candidate = with_speed(pair[0], 5.0, "board, two", power_mode="MAXN")
    code, results, report = gate_of(chain, candidate, file, "--target", "mine")
    assert code == 0 and results[name] == "pass" and report.sessions == ()
    assert gate_of(chain, candidate, file)[0] == 0
    write_target("mine", kind="ssh", host="board", runtime="onnx", conditions={"pins": [{**pins[0], "value": "15W"}]})
    code, _, report = gate_of(chain, candidate, file, "--target", "mine")
    assert code == 3 and "the candidate's power_mode wanted 15W, found MAXN" in report.differences[-1].note
    code, _, report = gate_of(chain, candidate, file, "--on", "other")
    assert code == 3 and "the baseline's were measured on board, two" in report.differences[-1].note
