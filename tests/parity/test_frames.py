"""Which pictures builds are compared on: a bundle's own, or other sizes than a build takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_nets
from onnx import helper, numpy_helper

from compress.bundle.contract import BuildContract, ContractFile
from compress.bundle.golden import write_golden
from compress.bundle.keys import resolve_key
from compress.bundle.manifest import LinkEntry
from compress.bundle.seal import Contents, seal
from compress.cli import execute
from compress.data.source import data_identity, open_data
from compress.errors import DataError
from compress.parity.frames import Frame, data_frames, golden_frames
from compress.parity.records import ParityFile
from compress.records import BuildList
from compress.runtimes.base import RunOptions
from compress.runtimes.parts import parts_runner
from compress.store.manifest import Manifest

OPENVINO = "int8-openvino-32x48"
ONNX = "int8-onnx-32x48"


@pytest.fixture
def bundle(chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # type: ignore[no-untyped-def]
    """What ``package`` makes of the chain's OpenVINO build, without reports."""
    monkeypatch.setenv("COMPRESS_HOME", str(tmp_path / "home"))
    folder = tmp_path / "bundle"
    (folder / "builds").mkdir(parents=True)
    (build,) = [each for each in BuildList.read(chain.builds.folder / "builds.json").builds if each.name == OPENVINO]
    for name in build.files:
        (folder / "builds" / name).write_bytes((chain.builds.folder / name).read_bytes())
    kept = {name: getattr(build, name) for name in BuildContract.model_fields if hasattr(build, name)}
    contract = BuildContract(**{**kept, "files": tuple(f"builds/{name}" for name in build.files)})
    ContractFile(builds=(contract,)).write(folder / "contract.json")
    source = open_data(tiny_nets.DATA, "test")
    runs = {OPENVINO: (build, parts_runner(build, chain.builds.folder, RunOptions(threads=1)))}
    write_golden(folder, {source.names[0]: source.pair(0)[0]}, runs, {}, "CC0")
    links = [
        LinkEntry(stage=each.manifest.stage, key="a" * 64, digest=each.manifest.digest, sources_digest="b" * 64)
        for each in (chain.student, chain.quantized, chain.builds)
    ]
    seal(folder, Contents("toy", ("a toy",), tuple(links)), resolve_key(None))
    return folder


def _rows(chain, tmp_path: Path, *words: str) -> tuple[int, dict]:  # type: ignore[no-untyped-def, type-arg]
    path = tmp_path / "parity.json"
    code = execute(["parity", *words, "--store", str(chain.root), "--images", "1", "--json", str(path)])
    (report,) = ParityFile.read(path).reports
    return code, {row.name: row for row in report.rows}


def test_a_bundle_is_compared_with_the_network_in_the_store(  # type: ignore[no-untyped-def]
    bundle: Path, chain, tmp_path: Path
) -> None:
    for word in (bundle, bundle / "builds" / f"{OPENVINO}.xml"):
        code, rows = _rows(chain, tmp_path, str(word))
        assert code == 0 and rows[OPENVINO].result == "pass" and len(rows[OPENVINO].delta_db) == 1


def test_golden_frames_have_no_ground_truth_and_so_no_verdict(  # type: ignore[no-untyped-def]
    bundle: Path, chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, rows = _rows(chain, tmp_path, str(bundle), "--golden")
    row = rows[OPENVINO]
    assert (code, row.result, row.psnr_db, row.delta_db) == (3, "incomplete", (), ())
    assert min(row.to_reference_db) > 40
    assert "no ground truth with these frames, so no verdict" in capsys.readouterr().out


def test_broken_bundles_say_what_is_wrong(bundle: Path, tmp_path: Path) -> None:
    (golden,) = golden_frames(bundle, None)
    assert golden.dark.shape == (32, 48, 3) and golden.truth is None
    next((bundle / "golden").glob("*_input.png")).write_bytes(b"not a picture")
    with pytest.raises(DataError, match="can't be decoded"):
        golden_frames(bundle, None).frame(0)
    with pytest.raises(DataError, match="no golden frames"):
        golden_frames(tmp_path, None)


def test_a_build_that_takes_its_own_size_only_gets_frames_cut_to_it(  # type: ignore[no-untyped-def]
    chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _with_larger_pictures(chain)
    path = chain.builds.folder / f"{ONNX}.onnx"
    model = onnx.load(str(path))
    (last,) = [node for node in model.graph.node if "bright" in node.output]
    last.output[0] = "free"
    shape = numpy_helper.from_array(np.array([1, 3, 32, 48]), "its_shape")
    model.graph.initializer.append(shape)
    model.graph.node.append(helper.make_node("Reshape", ["free", "its_shape"], ["bright"]))
    onnx.save(model, str(path))
    code, rows = _rows(chain, tmp_path, ONNX, OPENVINO)
    assert code == 0 and {rows[ONNX].result, rows[OPENVINO].result} == {"pass"}
    assert "takes 32x48 only" in rows[ONNX].note and not rows[OPENVINO].note
    assert rows[ONNX].psnr_db[0] != pytest.approx(rows["torch fake-quant"].psnr_db[0], abs=1e-4)  # other pictures
    assert "note: these are not the very pictures" not in capsys.readouterr().err


def _with_larger_pictures(chain) -> None:  # type: ignore[no-untyped-def]
    made = Manifest.load(chain.quantized.folder)
    section = data_identity(tiny_nets.DATA.model_copy(update={"size": (40, 64)}))
    text = made.model_copy(update={"sections": {"DataSpec": section}}).sealed().text()
    (chain.quantized.folder / "manifest.json").write_text(text)


def test_frames_are_cut_together_with_their_truth() -> None:
    frames = data_frames(tiny_nets.DATA, "test", 2)
    assert len(frames) == 2 and frames.kind == "embedded" and len(list(frames)) == 2
    frame = frames.frame(1).fitted(40, 24)
    assert isinstance(frame, Frame) and frame.truth is not None
    assert frame.dark.shape == frame.truth.shape == (40, 24, 3)
    assert (frame.dark[31] == frame.dark[39]).all()
