"""``compress bench``: real tiny builds timed here and on a board, and what it says when it can't."""

from __future__ import annotations

import shutil
import statistics
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_nets
from loopback import HOST, loopback
from tiny_chain import Chain

from compress.bench.records import BenchReport
from compress.cli import execute
from compress.data.pictures import write_png

QUICK = ("--threads", "1", "--warmup", "1", "--runs", "6")
SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)


def _bench(chain: Chain, out: Path, *words: str) -> BenchReport:
    assert execute(["bench", *words, *QUICK, "--store", str(chain.root), "--json", str(out / "bench.json")]) == 0
    return BenchReport.read(out / "bench.json")


def test_what_ships_is_timed_alone_and_from_file_to_file(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _bench(chain, tmp_path)
    ships = ["int8-onnx-32x48", "int8-openvino-32x48", "int8-onnx-free"]
    assert [(row.build, row.what) for row in report.rows] == [
        *((name, "model only") for name in ships), *((name, "end to end") for name in ships),
    ]  # fmt: skip
    for row in report.rows:
        assert len(row.samples_ms) == 6 and (row.height, row.width) == SIZE
        assert row.p50_ms == pytest.approx(statistics.median(row.samples_ms)) and row.fps == pytest.approx(
            1e3 / row.p50_ms
        )
        assert min(row.samples_ms) <= row.p50_ms <= row.p90_ms <= row.p99_ms <= max(row.samples_ms)
    alone, whole = (sum(row.p50_ms for row in report.rows if row.what == what) for what in ("model only", "end to end"))
    assert whole > alone  # reading and writing a PNG takes time
    assert report.threads == 1 and report.fingerprint["cpu"] in report.device and report.sustained == ()
    text = capsys.readouterr().out
    assert "int8-onnx-free" in text and "1 threads, batch 1, 6 runs, all builds in turn" in text


def test_builds_are_named_and_take_the_picture_at_their_size(chain: Chain, tmp_path: Path) -> None:
    write_png(tmp_path / "dark.png", np.random.default_rng(0).integers(0, 60, (50, 70, 3), np.uint8))
    words = ("int8-onnx-free", "student-openvino-32x48", "--picture", str(tmp_path / "dark.png"))
    report = _bench(chain, tmp_path, *words)
    assert {(row.build, row.height, row.width) for row in report.rows} == {
        ("int8-onnx-free", 50, 70), ("student-openvino-32x48", *SIZE),
    }  # fmt: skip


def test_two_folders_with_builds_of_one_name_are_told_apart(chain: Chain, tmp_path: Path) -> None:
    other = tmp_path / "before"
    shutil.copytree(chain.builds.folder, other)
    report = _bench(
        chain, tmp_path, str(chain.builds.folder / "int8-onnx-32x48.onnx"), str(other / "int8-onnx-32x48.onnx")
    )
    here = f"{chain.builds.folder.name}/int8-onnx-32x48"
    assert [row.build for row in report.rows[:2]] == [here, "before/int8-onnx-32x48"]


def test_a_run_without_a_pause_shows_its_drift(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _bench(chain, tmp_path, "int8-onnx-32x48", "--sustained", "0.01")
    (lasting,) = report.sustained
    assert lasting.build == "int8-onnx-32x48" and lasting.seconds >= 0.6 and lasting.runs >= 4
    first, *_, last = lasting.quarters_p50_ms
    assert lasting.drift == pytest.approx(last / first - 1) and min(lasting.quarters_p50_ms) > 0
    assert lasting.fps == pytest.approx(lasting.runs / lasting.seconds, rel=0.05)
    assert "int8-onnx-32x48 without a pause for 1 s: " in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("ssh") is None, reason="no ssh client here")
def test_on_a_board_the_model_alone_is_timed(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with loopback("asyncssh", tmp_path) as board:
        monkeypatch.setenv("COMPRESS_SSH_CONFIG", str(board.config))
        words = ("int8-onnx-32x48", "student-openvino-32x48", "--on", HOST, "--python", sys.executable)
        report = _bench(chain, tmp_path, *words)
    assert [(row.build, row.what) for row in report.rows] == [
        ("student-openvino-32x48", "model only"), ("int8-onnx-32x48", "model only"),
    ]  # fmt: skip
    assert all(len(row.samples_ms) == 6 for row in report.rows) and report.device.startswith(f"{HOST}, ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("int9",), "no build 'int9' in the store"),
        (("int8-onnx-32x48", "--picture", "none.png"), "none.png"),
        (("--on", HOST, "--sustained", "1"), "--sustained: builds run without a pause on this machine only"),
        (("int8-onnx-free", "--on", HOST), "builds of free size are not timed on boards"),
        (("--runs", "0"), "--runs"),
    ],
)
def test_mistakes_are_said_in_a_line(
    words: tuple[str, ...], said: str, chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["bench", *words, "--store", str(chain.root), "--json", str(tmp_path / "bench.json")]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint and "Traceback" not in complaint and not (tmp_path / "bench.json").exists()
