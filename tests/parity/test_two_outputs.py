"""A row for each output of a build, each judged by what holds for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import pytest
import two_heads
from onnx import numpy_helper
from tiny_nets import Told
from torch import nn

from compress.models.quantized import strip
from compress.parity.compare import FAKE_QUANT, FLOAT, Subject, compare, maps_within
from compress.parity.explain import explain, worst_frame
from compress.parity.frames import Frame, Frames
from compress.parity.records import ParityReport, ParityRow
from compress.records import BoxMaps, Build, Variant
from compress.report.parity import footnotes, row_cells
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.both import both_contract
from compress.runtimes.interchange import MAPS, OUTPUT, OnnxRequest, export_onnx
from compress.schema import Scheme

SIZE = (64, 96)
MAP_HEAD = "head.leave"


@dataclass(frozen=True)
class Held(Subject):
    """A subject whose networks are at hand instead of in a store."""

    held: dict[Variant, nn.Module] = field(default_factory=dict)

    def network(self, variant: Variant) -> nn.Module | None:
        return self.held.get(variant)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Held:
    """INT8 builds of ONNX Runtime and OpenVINO, the second once more with broken maps."""
    folder = tmp_path_factory.mktemp("builds")
    fake, _ = two_heads.fake_quant(Scheme(), SIZE)
    export_onnx(strip(fake, *SIZE), OnnxRequest(SIZE, False, 18, {}), folder / "net.onnx")
    model = onnx.load(str(folder / "net.onnx"))
    weight = next(each for each in model.graph.initializer if f"{MAP_HEAD}.weight" in each.name)
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(2), weight.name))
    onnx.save(model, str(folder / "broken.onnx"))
    builds = (_build(folder, "onnx", "net"), _build(folder, "openvino", "net"), _build(folder, "openvino", "broken"))
    nets: dict[Variant, nn.Module] = {"int8": fake, "student": two_heads.net()}
    return Held("tiny", folder, builds, (), folder, {}, "student", nets)


def _build(folder: Path, runtime: str, source: str) -> Build:
    files = open_runtime(runtime).build(folder / f"{source}.onnx", f"{source}-{runtime}", folder)
    return Build(
        name=f"{source}-{runtime}", variant="int8", runtime=runtime, files=files, size_bytes=1, height=SIZE[0],  # type: ignore[arg-type]
        width=SIZE[1], ships=True, contract=both_contract(runtime, *SIZE, 32, BoxMaps(classes=two_heads.CLASSES)),  # type: ignore[arg-type]
        inspection=open_runtime(runtime).inspect(folder, files, None),
    )  # fmt: skip


def _frame(index: int) -> Frame:
    (dark,) = two_heads.frames(1, SIZE, 20 + index)
    picture = (dark[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    return Frame(f"p{index}", picture, np.clip(picture.astype(np.int16) * 2, 0, 255).astype(np.uint8))


FRAMES = Frames("made up", "0" * 64, ("p0", "p1"), _frame)


@pytest.fixture(scope="module")
def report(subject: Held) -> ParityReport:
    return compare(subject, FRAMES, RunOptions(threads=1), Told())


def _row(report: ParityReport, name: str, output: str) -> ParityRow:
    (row,) = (row for row in report.rows if (row.name, row.output) == (name, output))
    return row


def test_every_network_has_a_row_for_each_output(report: ParityReport) -> None:
    names = (FAKE_QUANT, FLOAT, "net-onnx", "net-openvino", "broken-openvino")
    assert [(row.name, row.output) for row in report.rows] == [(n, o) for n in names for o in (OUTPUT, MAPS)]
    maps, picture = _row(report, "net-openvino", MAPS), _row(report, "net-openvino", OUTPUT)
    assert maps.result == picture.result == "pass"
    assert len(maps.to_reference_db) == 2 and not maps.psnr_db and not maps.delta_db
    assert len(picture.delta_db) == 2 and row_cells(maps)[0] == "net-openvino, maps"
    assert any(line.startswith("Of maps: signal over difference") for line in footnotes(report))


def test_broken_maps_fail_though_the_picture_passes(report: ParityReport) -> None:
    assert _row(report, "broken-openvino", OUTPUT).result == "pass"
    broken = _row(report, "broken-openvino", MAPS)
    assert broken.result == "fail" and max(broken.to_reference_db) < 25


def test_the_layer_behind_broken_maps_is_seen(subject: Held, report: ParityReport) -> None:
    broken = _row(report, "broken-openvino", MAPS)
    frame = FRAMES.frame(worst_frame(broken))
    found = explain(subject, subject.builds[2], frame)
    off = {layer.label for layer in found.layers if layer.snr_db < 25}
    assert found.first is not None and off == {MAP_HEAD}


@pytest.mark.parametrize(
    ("closeness", "good"), [((60.0, 40.0), True), ((60.0, 39.0), False), ((44.0, 44.0), False), ((46.0, 45.0), True)]
)
def test_both_limits_of_maps_hold(closeness: tuple[float, ...], good: bool) -> None:
    assert maps_within(closeness) == good
