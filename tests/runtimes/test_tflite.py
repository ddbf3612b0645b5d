"""TFLite: the kinds of file, what is in them, and what they answer."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import one_node
import onnx
import pytest
import tiny_nets
import torch
from numpy.typing import NDArray
from torch import nn

from compress.bundle.contract import check_build
from compress.errors import BuildError
from compress.models import build_net
from compress.models.quantized import insert_fake_quant, read_table, strip
from compress.records import BoxMaps, Build, Inspection, QuantizationTable
from compress.runtimes.base import BuildOptions, RunOptions
from compress.runtimes.interchange import OnnxRequest, answer_of, export_onnx
from compress.runtimes.maps import maps_contract
from compress.runtimes.tflite import Tflite, _open
from compress.schema import QuantizeSpec, Scheme
from compress.tflite_kind import TfliteKind
from compress.toolchains.environment import mending_command, state

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)
LARGER = (64, 96)
ONE = RunOptions(threads=1)
pytestmark = pytest.mark.skipif(
    state("tflite").kind != "ready", reason=f"toolchain tflite is not ready: {mending_command('tflite')}"
)


class _Place:
    """Interchange files, calibration frames, and each kind of build once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.frames = folder / "frames.npy"
        np.save(self.frames, np.concatenate([frame.numpy() for frame in tiny_nets.frames(4)]))
        nets = {"float": tiny_nets.student_net(), "int8": strip(tiny_nets.fake_quant_net(), *SIZE)}
        for name, net in nets.items():
            export_onnx(net, OnnxRequest(SIZE, False, 18, {}), self.source(name))
        self.build = cache(self._build)

    def source(self, name: str) -> Path:
        return self.folder / f"{name}.onnx"

    def _build(self, source: str, kind: TfliteKind, calibrated: bool) -> tuple[str, ...]:
        name = f"{source}-{abs(hash((kind, calibrated)))}"
        options = BuildOptions(calibration=self.frames if calibrated else None, tflite=kind)
        return Tflite().build(self.source(source), name, self.folder, options)

    def away_db(self, source: str, kind: TfliteKind, calibrated: bool) -> float:
        """PSNR of the build's picture to that of the torch network, fake-quant where it is, rounded to 8 bit both."""
        x = tiny_nets.frames(5)[4].numpy()
        x = np.rint(x * np.float32(255)) / np.float32(255)
        answer = Tflite().load(self.folder, self.build(source, kind, calibrated), ONE).infer(x)
        net = tiny_nets.fake_quant_net() if source == "int8" else tiny_nets.student_net()
        with torch.no_grad():
            truth = net(torch.from_numpy(x)).numpy()
        return _psnr_db(np.rint(answer * 255) / 255, np.rint(truth * 255) / 255)

    def inspected(self, kind: TfliteKind, table: QuantizationTable | None = None) -> Inspection:
        return Tflite().inspect(self.folder, self.build("int8", kind, True), table)


def _psnr_db(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(-10 * np.log10(max(np.mean((a - b) ** 2), 1e-12)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> _Place:
    return _Place(tmp_path_factory.mktemp("tflite"))


def _table() -> QuantizationTable:
    return read_table(tiny_nets.fake_quant_net(), Scheme(), ())


def test_frames_bring_the_last_layer_into_int8(place: _Place) -> None:
    plain, calibrated = (
        Tflite().inspect(place.folder, place.build("int8", TfliteKind(), frames), None) for frames in (False, True)
    )
    trained = sum(row.kind == "weight" for row in _table().tensors)
    assert (plain.int8_layers, calibrated.int8_layers) == (trained - 2, trained - 1)
    assert plain.precision == calibrated.precision == ""
    assert "/net/repair/leave/Conv" in plain.float_islands
    assert "/net/repair/leave/Conv" not in calibrated.float_islands
    assert "ranges from calibration frames, not trained: /net/repair/leave/Conv_output_0" in calibrated.notes
    assert any(note.startswith("in float between its layers: ") and "MUL" in note for note in calibrated.notes)
    assert place.away_db("int8", TfliteKind(), False) > 60
    assert place.away_db("int8", TfliteKind(), True) > 48


KINDS = {
    "int8 ends": (TfliteKind(), ""),
    "integer": (TfliteKind(arithmetic="integer"), "int8"),
    "16-bit": (TfliteKind(activation_bits=16), "int16x8 and f32"),
    "half weights": (TfliteKind(half_weights=True), "int8 and f32 with float16 weights"),
}


@pytest.mark.parametrize("name", KINDS)
def test_trained_scales_are_in_every_kind_of_file(place: _Place, name: str) -> None:
    kind, precision = KINDS[name]
    found = place.inspected(kind, _table())
    assert (found.scales_compared, found.scale_differences) == (len(_table().tensors), ())
    assert found.precision == precision


def test_a_range_that_is_not_the_trained_one_is_found_in_wide_codes(place: _Place) -> None:
    row = next(row for row in _table().tensors if row.kind == "activation" and row.tensor.startswith("repair/relu"))
    wrong = row.model_copy(update={"high": tuple(value * 1.01 for value in row.high)})
    table = _table().model_copy(
        update={"tensors": tuple(wrong if one is row or one == row else one for one in _table().tensors)}
    )
    (difference,) = place.inspected(TfliteKind(activation_bits=16), table).scale_differences
    assert difference.startswith(f"{row.tensor}: reaches to ")


def test_ends_in_float_answer_the_same(place: _Place) -> None:
    kind = TfliteKind(ends="float32")
    border = Tflite().border("dark", *SIZE, BuildOptions(tflite=kind))
    assert (border.dtype, border.layout, border.scale) == ("float32", "NHWC", None)
    assert place.away_db("int8", kind, False) > 60
    inputs, outputs = Tflite().ports(place.folder, place.build("int8", kind, False))
    assert [(port.dtype, port.shape) for port in (*inputs, *outputs)] == [("float32", (1, *SIZE, 3))] * 2
    codes = Tflite().border("dark", *SIZE)
    assert (codes.dtype, codes.zero_point, codes.low, codes.high) == ("int8", -128, -128.0, 127.0)


def test_an_integer_file_holds_no_float(place: _Place) -> None:
    kind = TfliteKind(arithmetic="integer")
    with pytest.raises(BuildError, match="give frames"):
        Tflite().build(place.source("int8"), "net", place.folder, BuildOptions(tflite=kind))
    found = place.inspected(kind)
    assert found.float_layers == 0 and not found.float_islands
    (note,) = found.notes
    assert note.startswith("ranges from calibration frames, not trained: ") and note.endswith(" more")
    tensors = _open(place.folder / place.build("int8", kind, True)[0], 1).get_tensor_details()
    assert {item["dtype"] for item in tensors} <= {np.int8, np.int32, np.int64}
    # A float network has nothing to be integer with: it stays what it is, with the ends that are asked for.
    assert Tflite().inspect(place.folder, place.build("float", kind, True), None).precision == ""
    assert place.away_db("int8", kind, True) > 40  # eight bits of a dark picture times eight


def test_an_operator_that_has_no_integer_form_is_refused_by_name(tmp_path: Path) -> None:
    power = onnx.helper.make_node("Pow", ["dark", "e"], ["bright"], name="/net/Pow")
    onnx.save(one_node.quantized(power, (1, 3, 8, 8), {"e": np.float32(1.7)}), tmp_path / "net.onnx")
    np.save(tmp_path / "frames.npy", np.random.default_rng(0).random((1, 3, 8, 8), np.float32))
    options = BuildOptions(calibration=tmp_path / "frames.npy", tflite=TfliteKind(arithmetic="integer"))
    with pytest.raises(BuildError, match="not integer throughout, as the target asks: .*POW") as caught:
        Tflite().build(tmp_path / "net.onnx", "net", tmp_path, options)
    assert "\n" not in str(caught.value) and not (tmp_path / "net.tflite").exists()


def test_sixteen_bit_activations_are_nearer_than_eight(place: _Place) -> None:
    wide, integer = TfliteKind(activation_bits=16), TfliteKind(arithmetic="integer")
    assert place.away_db("int8", wide, True) > 55 > place.away_db("int8", integer, True)


def test_half_weights_are_smaller_and_as_near(place: _Place) -> None:
    half = TfliteKind(half_weights=True)
    assert place.away_db("int8", half, True) > 48 and place.away_db("float", half, False) > 50
    sizes = [os.path.getsize(place.folder / place.build("float", kind, False)[0]) for kind in (TfliteKind(), half)]
    assert sizes[1] < 0.8 * sizes[0]
    assert Tflite().inspect(place.folder, place.build("float", half, False), None).precision.startswith("f32 with")


class _PoolsThePicture(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.size_multiple = 8

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = torch.sqrt(torch.nn.functional.avg_pool2d(x, 8) + 1e-4)
        return torch.clamp(x + torch.nn.functional.interpolate(small, scale_factor=8.0, mode="nearest"), 0.0, 1.0)


def test_averages_of_the_camera_codes_are_not_rounded_to_codes(tmp_path: Path) -> None:
    export_onnx(_PoolsThePicture(), OnnxRequest(SIZE, False, 18, {}), tmp_path / "net.onnx")
    files = Tflite().build(tmp_path / "net.onnx", "net", tmp_path)
    x = np.random.default_rng(0).integers(0, 5, (1, 3, *SIZE)).astype(np.float32) / np.float32(255)
    answer = Tflite().load(tmp_path, files, ONE).infer(x)
    truth = np.rint(answer_of(onnx.load(str(tmp_path / "net.onnx")), x) * 255)
    assert np.mean(np.rint(answer * 255) != truth) < 0.01


class _JoinsThePicture(torch.nn.Module):
    """Features of up to some twenty beside the picture itself, of at most one."""

    size_multiple = 2

    def __init__(self) -> None:
        super().__init__()
        self.enter = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.leave = torch.nn.Conv2d(11, 3, 3, padding=1)
        with torch.no_grad():
            self.enter.weight.mul_(20.0)
            self.leave.weight[:, :8].mul_(0.1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.clamp(self.leave(torch.cat([torch.relu(self.enter(x)), x], dim=1)) + 0.3, 0.0, 1.0)


@pytest.mark.parametrize(("quantized", "least_db"), [(False, 60.0), (True, 40.0)], ids=["float", "int8"])
def test_features_joined_with_the_picture_do_not_take_its_codes(
    tmp_path: Path, quantized: bool, least_db: float
) -> None:
    torch.manual_seed(0)
    net: torch.nn.Module = _JoinsThePicture().eval()
    if quantized:
        frames = [torch.rand(1, 3, *SIZE) for _ in range(2)]
        net = strip(insert_fake_quant(net, frames, Scheme(), QuantizeSpec()), *SIZE)
    export_onnx(net, OnnxRequest(SIZE, False, 18, {}), tmp_path / "net.onnx")
    files = Tflite().build(tmp_path / "net.onnx", "net", tmp_path)
    x = np.random.default_rng(0).integers(0, 256, (1, 3, *SIZE)).astype(np.float32) / np.float32(255)
    truth = answer_of(onnx.load(str(tmp_path / "net.onnx")), x)
    assert truth.std() > 0.1
    answer = Tflite().load(tmp_path, files, ONE).infer(x)
    assert _psnr_db(answer, np.rint(truth * 255) / 255) > least_db


def test_what_can_not_be_built_is_one_line(place: _Place, tmp_path: Path) -> None:
    export_onnx(tiny_nets.student_net(), OnnxRequest(SIZE, True, 18, {}), tmp_path / "free.onnx")
    with pytest.raises(BuildError, match="toolchain tflite: .*made for one size") as caught:
        Tflite().build(tmp_path / "free.onnx", "net", tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "net.tflite").exists()
    with pytest.raises(BuildError, match="not bf16"):
        Tflite().load(place.folder, place.build("int8", TfliteKind(), False), RunOptions(1, "bf16"))


def test_maps_of_a_detector_come_out_in_float_and_of_one_size(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net, maps = build_net("fcos_lite", {"width": 8, "classes": 2}).eval(), BoxMaps(classes=("a", "b"))
    fake = insert_fake_quant(net, [torch.rand(1, 3, *LARGER) for _ in range(2)], Scheme(), QuantizeSpec())
    options = BuildOptions(tflite=TfliteKind(ends="float32"))
    export_onnx(strip(fake, *LARGER), OnnxRequest(LARGER, False, 18, {}), tmp_path / "net.onnx")
    files = Tflite().build(tmp_path / "net.onnx", "int8", tmp_path, options)
    contract = maps_contract("tflite", *LARGER, 32, maps, options)
    x = torch.rand(1, 3, *LARGER)
    with torch.no_grad():
        truth = fake(x).numpy()
    answer = Tflite().load(tmp_path, files, ONE).infer(x.numpy())
    assert answer.shape == truth.shape and np.abs(answer - truth).mean() < 0.02 * np.abs(truth).max()
    assert contract.output.shape == (1, LARGER[0] // 8, LARGER[1] // 8, maps.channels)
    size_bytes = (tmp_path / files[0]).stat().st_size
    build = Build(
        name="int8", variant="int8", runtime="tflite", files=files, size_bytes=size_bytes, height=LARGER[0],
        width=LARGER[1], ships=True, contract=contract, inspection=Tflite().inspect(tmp_path, files, None),
    )  # fmt: skip
    check_build(build, tmp_path)
    assert build.inspection.int8_layers > 25
    with pytest.raises(BuildError, match="has one size"):
        Tflite().load(tmp_path, files, ONE, (64, 64))
