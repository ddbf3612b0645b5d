"""The peers benchmark from a sealed run to its table, with NNCF and ONNX Runtime; the others where they are set up."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import peers
import pytest
from side_by_side import olive, student
from side_by_side.peer import FLOAT
from side_by_side.records import Measured, PeersFile

from compress.errors import UserError
from compress.store.store import Store
from compress.toolchains.environment import HOME_VARIABLE, why_not_ready

HERE = ("fp32-openvino", "nncf", "nncf-islands", "fp32-onnx", "ort", "ort-islands", "qat-onnx")


def _run(monkeypatch: pytest.MonkeyPatch, out: Path, *words: str) -> int:
    options = ["--images", "2", "--runs", "2", "--out", str(out), *words]
    monkeypatch.setattr("sys.argv", ["peers.py", *options])
    return peers.main()


def _rows(out: Path) -> dict[str, Measured]:
    return {row.name: row for row in PeersFile.read(out / "peers.json").rows}


def _broken(why: str) -> tuple[peers.Row, ...]:
    def make(job: object, name: str) -> tuple[str, ...]:
        raise RuntimeError(f"{why}\nand a second line")

    return tuple(dataclasses.replace(row, make=make) for row in peers.all_rows())


def test_peers_beside_ours_then_kept(chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "none"))
    words = ("--store", str(chain.root), "--only", ",".join(HERE))
    assert _run(monkeypatch, tmp_path, *words) == 0
    rows = _rows(tmp_path)
    assert set(rows) == {row.name for row in peers.all_rows()}  # nothing is silently absent
    assert [name for name, row in rows.items() if not row.why_not] == [row.name for row in peers.all_rows()
                                                                       if row.name in HERE]  # fmt: skip
    for whole, islands in (("nncf", "nncf-islands"), ("ort", "ort-islands")):
        assert rows[whole].int8_layers > rows[islands].int8_layers > 0
        assert rows[islands].mean_drop_db < 1.0 and len(rows[islands].ssim) == 2
    assert rows["fp32-onnx"].drops_db == (0.0, 0.0) and rows["fp32-onnx"].int8_layers == 0
    assert rows["fp32-onnx"].psnr_db == pytest.approx(rows["fp32-openvino"].psnr_db, abs=0.05)
    assert rows["ort"].float_psnr_db == rows["fp32-onnx"].psnr_db
    for name in HERE:
        assert rows[name].p50_ms > 0 and rows[name].fp32_p50_ms > 0 and rows[name].size_bytes > 0
    text = capsys.readouterr().out
    assert "| NNCF PTQ | whole graph | openvino | " in text and "- not measured: Olive PTQ" in text

    broken = _broken("made anew")
    monkeypatch.setattr(peers, "all_rows", lambda: broken)
    assert _run(monkeypatch, tmp_path, *words) == 0
    assert {name: rows[name] for name in HERE} == {name: _rows(tmp_path)[name] for name in HERE}

    assert _run(monkeypatch, tmp_path, *words, "--fresh") == 0
    again = _rows(tmp_path)
    assert again["fp32-onnx"].why_not == "made anew"
    assert again["ort"].why_not == "no float file to compare with: made anew"


def test_without_a_run_it_says_so_and_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:  # type: ignore[no-untyped-def]
    assert _run(monkeypatch, tmp_path, "--store", str(tmp_path / "store")) == 0
    assert capsys.readouterr().out.startswith("peers: skipped, no run with builds in the store ")
    assert not (tmp_path / "peers.json").exists()


def test_the_student_and_its_pictures_come_from_the_manifests(chain) -> None:  # type: ignore[no-untyped-def]
    found = student.choose(Store(chain.root), None, None)
    assert found.weights == chain.student.folder / "net.safetensors" and found.quantized == chain.quantized.folder
    assert found.calibration_images == 32 and found.data.size == (32, 48) and found.seed == 0
    with pytest.raises(UserError, match="no build 'other'"):
        student.choose(Store(chain.root), "other", None)


@pytest.mark.timeout(900)  # a minute alone; converters beside a training take several
@pytest.mark.parametrize(
    ("toolchain", "names"),
    [("tflite", ("fp32-tflite", "ai-edge", "ai-edge-islands", "qat-tflite")),
     ("olive", ("fp32-onnx", "olive", "olive-islands"))],
)  # fmt: skip
def test_peers_of_an_environment(
    chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toolchain, names: tuple[str, ...]  # type: ignore[no-untyped-def]
) -> None:  # fmt: skip
    with olive.registered():
        absent = why_not_ready(toolchain)
    if absent:
        pytest.skip(absent)
    assert _run(monkeypatch, tmp_path, "--store", str(chain.root), "--only", ",".join(names)) == 0
    rows = _rows(tmp_path)
    assert {name: rows[name].why_not for name in names} == dict.fromkeys(names, "")
    for name in names:
        assert (rows[name].int8_layers > 0) == (rows[name].scope != FLOAT)
    assert rows[names[1]].int8_layers > rows[names[2]].int8_layers
