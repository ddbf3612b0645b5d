"""``compress bench`` on a target's device, under its conditions: this machine, real ssh, and adb's stand-in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from loopback import BoardHere, board_here
from target_file import write_target
from tiny_chain import Chain

from compress.bench.records import BenchReport
from compress.cli import execute

BUILDS = ("int8-onnx-32x48", "student-onnx-32x48")
PINS = [{"fact": "power_mode", "value": "MAXN"}]


@pytest.fixture(params=["asyncssh", "adb"])
def here(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BoardHere]:
    with board_here(request.param, tmp_path) as made:
        made.enter(monkeypatch)
        monkeypatch.chdir(tmp_path)
        yield made


def _bench(chain: Chain, *words: str) -> tuple[int, BenchReport]:
    quick = ("--warmup", "1", "--runs", "6")
    code = execute(["bench", *words, *quick, "--store", str(chain.root), "--json", "bench.json"])
    return code, BenchReport.read(Path("bench.json"))


def test_on_a_board_that_is_named_the_model_alone_is_timed(chain: Chain, here: BoardHere) -> None:
    on = here.host if here.kind == "ssh" else f"adb:{here.host}"
    words = (*BUILDS, "--on", on, "--python", sys.executable, "--threads", "1", "--sustained", "0.01")
    code, report = _bench(chain, *words)
    assert code == 0 and [(row.build, row.what) for row in report.rows] == [
        ("student-onnx-32x48", "model only"), ("int8-onnx-32x48", "model only"),
    ]  # fmt: skip
    assert all(len(row.samples_ms) == 6 for row in report.rows) and report.device.startswith(f"{here.host}, ")
    assert {each.build for each in report.sustained} == set(BUILDS)
    for each in report.sustained:
        assert each.seconds >= 0.6 and each.runs >= 4 and min(each.quarters_p50_ms) > 0
        assert each.fps == pytest.approx(each.runs / each.seconds)


def test_a_target_says_where_how_and_under_what(
    chain: Chain, here: BoardHere, capsys: pytest.CaptureFixture[str]
) -> None:
    here.tool("nvpmodel", 'case "$1" in -q) echo "NV Power Mode: $(cat ~/mode)";; *) echo "$2" > ~/mode;; esac')
    (here.home / "mode").write_text("15W")
    device = {"kind": here.kind, "host": here.host, "python": sys.executable, "runtime": "onnx", "threads": 1}
    write_target("mine", **device, conditions={"pins": PINS})
    code, report = _bench(chain, "--target", "mine")
    assert code == 3 and report.rows == () and report.not_as_wanted == ("power_mode wanted MAXN, found 15W",)
    assert report.fingerprint["power_mode"] == "15W"
    assert f"Not measured on {report.device}: power_mode wanted MAXN, found 15W." in capsys.readouterr().out
    write_target("mine", **device, conditions={"pins": PINS, "setup": [["nvpmodel", "-m", "MAXN"]]})
    code, report = _bench(chain, "--target", "mine")
    assert code == 0 and [row.build for row in report.rows] == ["int8-onnx-32x48"]  # what ships, for its runtime
    assert report.threads == 1 and report.not_as_wanted == () and report.fingerprint["power_mode"] == "MAXN"


def test_another_host_takes_the_place_of_the_targets(chain: Chain, here: BoardHere) -> None:
    write_target("mine", kind="none", runtime="onnx", python="nopython")
    on = here.host if here.kind == "ssh" else f"adb:{here.host}"
    code, report = _bench(chain, "--target", "mine", "--on", on, "--python", sys.executable, "--threads", "1")
    assert code == 0 and len(report.rows) == 1 and report.threads == 1


def test_this_machine_has_conditions_too(
    chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    version = metadata.version("onnxruntime")
    pin = {"fact": "onnxruntime", "value": version}
    write_target("mine", kind="local", runtime="onnx", threads=1, conditions={"pins": [pin]})
    code, report = _bench(chain, "int8-onnx-32x48", "--target", "mine")
    assert code == 0 and len(report.rows) == 2 and report.threads == 1
    write_target("mine", kind="local", runtime="onnx", conditions={"sdk": [{**pin, "value": "0.1"}]})
    code, report = _bench(chain, "int8-onnx-32x48", "--target", "mine")
    assert code == 3 and report.rows == () and report.not_as_wanted == (f"onnxruntime wanted 0.1, found {version}",)
    assert "Not measured on local, " in capsys.readouterr().out
    write_target("mine", kind="local", runtime="onnx", conditions={"setup": [["false"]]})
    assert execute(["bench", "int8-onnx-32x48", "--target", "mine", "--store", str(chain.root)]) == 2
    assert "this machine: setup 'false' ended with 1" in capsys.readouterr().err
    (tmp_path / "targets" / "mine.yaml").write_text("device: {hots: board}")
    assert execute(["bench", "int8-onnx-32x48", "--target", "mine", "--store", str(chain.root)]) == 2
    assert "target.device.hots: no such key. Did you mean" in capsys.readouterr().err
