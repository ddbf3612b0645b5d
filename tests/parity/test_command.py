"""``compress parity``: figures, verdict, exit code, and what it says when it can't."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_nets
from onnx import numpy_helper

from compress.cli import execute
from compress.commands.parity import exit_code
from compress.data.source import open_data
from compress.metrics import psnr_db
from compress.models.enhance import enhance
from compress.models.quantized import load_fake_quant
from compress.parity.compare import within
from compress.parity.records import Divergence, LayerDifference, ParityFile, ParityReport, ParityRow
from compress.report.parity import divergence_line

ONNX = "int8-onnx-32x48"
OPENVINO = "int8-openvino-32x48"


def _run(chain, *words: str, images: int = 2) -> int:  # type: ignore[no-untyped-def]
    return execute(["parity", *words, "--store", str(chain.root), "--images", str(images)])


def _spoil(chain) -> None:  # type: ignore[no-untyped-def]
    """Shift what the last convolution of the INT8 ONNX build adds to the picture."""
    path = chain.builds.folder / f"{ONNX}.onnx"
    model = onnx.load(str(path))
    (bias,) = [tensor for tensor in model.graph.initializer if tensor.name == "net.repair.leave.bias"]
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + np.float32(0.1), bias.name))
    onnx.save(model, str(path))


def test_all_builds_of_the_newest_artefact(chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    assert _run(chain, "--json", str(tmp_path / "parity.json")) == 0
    text = capsys.readouterr().out
    assert "Limits: 0.05 dB (mean), 0.3 dB (worst image)" in text and "embedded pictures" in text
    (report,) = ParityFile.read(tmp_path / "parity.json").reports
    listed = json.loads((chain.builds.folder / "builds.json").read_text())["builds"]
    assert {row.name for row in report.rows if row.result} == {build["name"] for build in listed}
    assert {row.result for row in report.rows} == {"pass", None}
    by_name = {row.name: row for row in report.rows}
    source, fake = open_data(tiny_nets.DATA, "test"), load_fake_quant(chain.quantized.folder, "qat")
    for index in range(2):
        dark, bright = source.pair(index)
        truth_db = psnr_db(enhance(fake, dark), bright)
        assert by_name["torch fake-quant"].psnr_db[index] == pytest.approx(truth_db, abs=1e-5)
    assert by_name[ONNX].reference == "torch fake-quant" and by_name["student-onnx-32x48"].reference == "torch float"
    for row in report.rows:
        if row.reference == "torch fake-quant":
            against = by_name["torch fake-quant"].psnr_db
            assert row.delta_db == pytest.approx([a - b for a, b in zip(row.psnr_db, against, strict=True)], abs=1e-5)


def test_a_build_outside_the_limits_fails_and_its_layer_is_named(  # type: ignore[no-untyped-def]
    chain, capsys: pytest.CaptureFixture[str]
) -> None:
    _spoil(chain)
    assert _run(chain, ONNX, OPENVINO) == 1
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if "first diverging layer" in line]
    assert line.startswith(f"{ONNX}: first diverging layer: repair.leave (")
    rows = {line.split()[0]: line.split()[-1] for line in lines if line.strip().startswith("int8-")}
    assert rows[OPENVINO] == "pass"


def test_layers_can_be_asked_for(chain, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    assert _run(chain, OPENVINO, "--layers", images=1) == 0
    text = capsys.readouterr().out
    assert "none of 27 layers diverges" in text and "repair/middle1/conv2d/0 weight" in text


def test_a_build_that_does_not_run_is_incomplete(chain, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    (chain.builds.folder / f"{ONNX}.onnx").write_bytes(b"cut short")
    assert _run(chain, ONNX, OPENVINO) == 3
    assert f"{ONNX}: {ONNX}.onnx: ONNX Runtime can't load it" in capsys.readouterr().out


def test_a_runtime_that_is_not_here_and_a_build_not_made_are_incomplete(  # type: ignore[no-untyped-def]
    chain, capsys: pytest.CaptureFixture[str]
) -> None:
    path = chain.builds.folder / "builds.json"
    listed = json.loads(path.read_text())
    listed["builds"] = [build for build in listed["builds"] if build["name"] == OPENVINO]
    listed["not_built"] = [{"runtime": "rknn", "reason": "its toolchain is not ready: compress setup rknn"}]
    path.write_text(json.dumps(listed))
    assert _run(chain) == 3
    assert "rknn: not built: its toolchain is not ready" in capsys.readouterr().out


def test_files_folders_and_names_are_builds(chain, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    folder = chain.builds.folder
    for number, word in enumerate((ONNX, str(folder / f"{ONNX}.onnx"), str(folder), folder.name)):
        path = tmp_path / f"{number}.json"
        assert _run(chain, word, "--json", str(path), images=1) == 0
        (report,) = ParityFile.read(path).reports
        judged = [row.name for row in report.rows if row.result]
        assert judged == [ONNX] if number < 2 else len(judged) == 7


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("int8-onx",), "no build 'int8-onx' in the store"),
        (("no/such/place",), "no/such/place: no such file or folder"),
        ((".",), "neither builds of the store (builds.json) nor a bundle (contract.json)"),
        (("--golden",), "golden frames lie in bundles only"),
    ],
)
def test_mistakes_are_one_line(  # type: ignore[no-untyped-def]
    words: tuple[str, ...], said: str, chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert _run(chain, *words) == 2
    err = capsys.readouterr().err
    assert said in err and len(err.splitlines()) == 1


def test_an_empty_store_and_a_lost_reference(  # type: ignore[no-untyped-def]
    chain, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert execute(["parity", "--store", str(tmp_path / "none")]) == 2
    assert "no builds in the store" in capsys.readouterr().err
    kept = tmp_path / "kept"
    shutil.move(chain.quantized.folder, kept)
    assert _run(chain, ONNX) == 2
    assert "name its store with --store, or its folder with --reference" in capsys.readouterr().err
    assert _run(chain, ONNX, "--reference", str(kept), images=1) == 0


def test_paired_pictures_need_their_folder(chain, capsys: pytest.CaptureFixture[str]) -> None:  # type: ignore[no-untyped-def]
    from compress.store.manifest import Manifest

    path = chain.quantized.folder / "manifest.json"
    made = Manifest.load(chain.quantized.folder)
    section = {**made.sections["DataSpec"], "kind": "paired"}
    path.write_text(made.model_copy(update={"sections": {"DataSpec": section}}).sealed().text())
    assert _run(chain, ONNX) == 2
    assert "add --root FOLDER" in capsys.readouterr().err
    assert _run(chain, ONNX, "--root", "/nowhere") == 2
    assert "/nowhere" in capsys.readouterr().err


def test_limits_are_for_both_directions() -> None:
    assert within((0.05, 0.05)) and within((0.3, -0.3))
    assert not within((0.06, 0.05)) and not within((-0.06, -0.05)) and not within((0.31, -0.31))


def test_exit_codes_and_sentences() -> None:
    good = ParityRow(name="b", variant="int8", runtime="onnx", reference="r", result="pass")
    rows = [good, good.model_copy(update={"result": "incomplete"})]
    assert [exit_code(tuple(rows[:1])), exit_code(tuple(rows))] == [0, 3]
    assert exit_code((*rows, rows[0].model_copy(update={"result": "fail"}))) == 1
    layer = LayerDifference(name="n", label="body.conv", snr_db=12.0, limit_db=45.0)
    found = Divergence(layers=(layer,), first=layer, operator=layer.model_copy(update={"name": "Resize"}))
    assert divergence_line(found) == (
        "first diverging layer: body.conv (12.0 dB, sound from 45); before it, the operator Resize (12.0 dB)"
    )
    assert divergence_line(found.model_copy(update={"first": None})).startswith("none of 1 layers diverges")
    assert ParityReport.model_fields["mean_limit_db"].is_required()
