"""``compress bench``: real tiny builds timed here and on a board, and what it says when it can't."""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path

import numpy as np
import pytest
import tiny_nets
from loopback import HOST
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


def test_a_batch_is_timed_at_once_and_its_pictures_count(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _bench(chain, tmp_path, "--batch", "3", "--sustained", "0.005")
    assert report.batch == 3 and len(report.rows) == 6 and {row.batch for row in report.rows} == {3}
    for row in report.rows:
        assert row.fps == pytest.approx(3e3 / row.p50_ms) and row.tiles is None
    for lasting in report.sustained:
        assert lasting.fps == pytest.approx(3 * lasting.runs / lasting.seconds)
    *_, last = capsys.readouterr().out.strip().splitlines()
    assert "batch 3 (times are a batch's, FPS are pictures), 6 runs, all builds in turn." in last


def test_a_large_picture_goes_through_in_tiles_where_that_is_asked_for(
    chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_png(tmp_path / "dark.png", np.random.default_rng(0).integers(0, 60, (70, 100, 3), np.uint8))
    words = ("int8-onnx-32x48", "int8-onnx-free", "--picture", str(tmp_path / "dark.png"), "--tile", "4")
    report = _bench(chain, tmp_path, *words)
    found = {(row.build, row.what): (row.height, row.width, row.tiles) for row in report.rows}
    assert found == {
        ("int8-onnx-32x48", "model only"): (*SIZE, None), ("int8-onnx-32x48", "end to end"): (70, 100, 9),
        ("int8-onnx-free", "model only"): (70, 100, None), ("int8-onnx-free", "end to end"): (70, 100, None),
    }  # fmt: skip
    one, all_nine = (row.p50_ms for row in report.rows if row.build == "int8-onnx-32x48")
    assert all_nine > 3 * one
    text = capsys.readouterr().out
    assert "70x100, 9 tiles" in text and "Tiles overlap by twice a halo of 4 px" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("int9",), "no build 'int9' in the store"),
        (("int8-onnx-32x48", "--picture", "none.png"), "none.png"),
        (("int8-onnx-free", "--on", HOST), "builds of free size are not timed on boards"),
        (("--on", HOST, "--batch", "2"), "--batch: on a board the model alone is timed, one picture a run"),
        (("--on", HOST, "--tile", "2"), "--tile: on a board the model alone is timed"),
        (("--on", "adb:"), "--on: no serial number after adb:"),
        (("--on", "a b"), "'a b' can't be the name of a board"),
        (("--batch", "2", "--tile", "2"), "--batch, --tile: tiles are run one at a time"),
        (("--tile", "2"), "--tile: 32x48 is not larger than a build of fixed size here; name a larger --picture"),
        (("--target", "x86_egde"), "no target 'x86_egde'. Did you mean 'x86_edge'? There are: "),
        (("--target", "jetson"), "--target: no device: set device.host to where the ssh device is"),
        (("int8-onnx-32x48", "--target", "jetson", "--on", HOST), "the target's board runs tensorrt, not onnx"),
        (("--runs", "0"), "--runs"),
    ],
)
def test_mistakes_are_said_in_a_line(
    words: tuple[str, ...], said: str, chain: Chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["bench", *words, "--store", str(chain.root), "--json", str(tmp_path / "bench.json")]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint and "Traceback" not in complaint and not (tmp_path / "bench.json").exists()
