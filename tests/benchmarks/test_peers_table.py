"""The record of the peers benchmark, its table, and what is left out of int8 on the peers' side."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_nets
from side_by_side import olive
from side_by_side.islands import int8_nodes, island_nodes
from side_by_side.peer import FLOAT, ISLANDS, WHOLE
from side_by_side.records import Measured, PeersFile
from side_by_side.table import cells, markdown

from compress.models.quantized import strip
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.toolchains import TOOLCHAINS
from compress.toolchains.lock import read_lock

ROW = Measured(
    name="a", tool="A", version="a 1", runtime="onnx", scope=WHOLE, settings="default", identity="x", files=("a.onnx",),
    psnr_db=(20.0, 21.0), ssim=(0.5, 0.7), float_psnr_db=(20.5, 23.5), size_bytes=2048, int8_layers=3, layers=4,
    p50_ms=5.0, fp32_p50_ms=10.0, timed_runs=3, load_average_1min="0.10",
)  # fmt: skip


def _file(*rows: Measured) -> PeersFile:
    return PeersFile(
        student="pruned", student_digest="d" * 64, quantized_digest="q" * 64, data_kind="embedded",
        data_digest="e" * 64, definition="PSNR", images=("one", "two"), cut_images=0, height=32, width=48,
        calibration_images=16, seed=0,
        threads=2, fingerprint={"cpu": "a processor", "cores": "2"}, versions={}, rows=rows,
    )  # fmt: skip


def test_a_drop_is_the_float_student_minus_the_row_image_by_image() -> None:
    assert ROW.drops_db == (0.5, 2.5)
    assert ROW.mean_drop_db == 1.5 and ROW.worst_drop_db == 2.5
    assert ROW.speedup == 2.0


def test_a_row_of_the_table() -> None:
    assert cells(ROW) == ("A", WHOLE, "onnx", "20.500", "+1.500", "+2.500", "0.6000", "3 of 4", "2", "5.00", "10.00",
                          "2.00")  # fmt: skip


def test_the_float_row_drops_nothing_and_is_no_faster() -> None:
    texts = cells(ROW.model_copy(update={"scope": FLOAT}))
    assert (texts[4], texts[5], texts[-1]) == ("–", "–", "–") and texts[3] == "20.500"


def test_what_was_not_measured_stays_in_the_table_with_its_reason() -> None:
    absent = Measured(name="b", tool="B", version="b 2", runtime="onnx", scope=ISLANDS, settings="s", identity="",
                      why_not="it isn't set up; run: make peers")  # fmt: skip
    text = markdown(_file(ROW, absent))
    assert "| B | our float islands left out | onnx | – |" in text
    assert "- not measured: B, our float islands left out: it isn't set up; run: make peers" in text
    assert "- A, whole graph, onnx: a 1; default; load average 0.10 when timed" in text
    assert "a processor, 2 cores, 2 threads" in text and "2 test pictures (embedded data eeeeeeeeeeee) at 32x48" in text


def test_the_file_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    _file(ROW).write(tmp_path / "peers.json")
    assert PeersFile.read(tmp_path / "peers.json") == _file(ROW)


def test_only_trained_layers_behind_the_image_space_part_are_int8_for_peers(tmp_path: Path) -> None:
    import onnx

    size = (tiny_nets.HEIGHT, tiny_nets.WIDTH)
    request = OnnxRequest(size, False, 18, {})
    export_onnx(strip(tiny_nets.fake_quant_net(), *size), request, tmp_path / "trained.onnx")
    export_onnx(tiny_nets.student_net(), request, tmp_path / "float.onnx")
    found = int8_nodes(onnx.load(str(tmp_path / "trained.onnx")))
    layers = {f"/net/repair/{layer}/Conv" for layer in ("enter", "middle1", "middle2", "middle3", "leave")}
    assert set(found) == {*layers, "/net/repair/Relu", *(f"/net/repair/Relu_{place}" for place in (1, 2, 3))}
    left = island_nodes(tmp_path / "float.onnx", found)
    assert "/net/unshuffle/Conv" in left  # peers would round the dark picture itself
    assert any(name.startswith("/net/light/") for name in left) and not set(left) & set(found)


def test_olive_is_a_toolchain_only_while_it_is_called() -> None:
    assert "olive" not in TOOLCHAINS
    with pytest.raises(ZeroDivisionError), olive.registered():
        assert TOOLCHAINS["olive"] is olive.OLIVE  # type: ignore[index]
        raise ZeroDivisionError
    assert "olive" not in TOOLCHAINS


def test_olives_lock_is_pinned_and_hashed() -> None:
    found = read_lock(olive.OLIVE)
    text = "".join(line for line in found.path.read_text(encoding="utf-8").splitlines(True) if not line.startswith("#"))
    requirements = text.replace("\\\n", " ").splitlines()
    assert len(requirements) == len(found.versions) - len(olive.OLIVE.unhashed)
    assert all(line.count("==") == 1 and "--hash=sha256:" in line for line in requirements)
    assert {"olive-ai", "onnxruntime", "torch"} <= found.versions.keys()
