"""TFLite: the kinds of file, what is in them, and what they answer."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import tiny_nets
import torch
from numpy.typing import NDArray
from torch import nn

from compress.errors import BuildError
from compress.models.quantized import read_table, strip
from compress.runtimes.base import PLAIN, BuildOptions, RunOptions
from compress.runtimes.interchange import OnnxRequest, answer_of, export_onnx
from compress.runtimes.tflite import Tflite, TfliteOptions
from compress.schema import Scheme
from compress.toolchains.environment import mending_command, state

SIZE = (tiny_nets.HEIGHT, tiny_nets.WIDTH)
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

    def _build(self, source: str, kind: TfliteOptions, calibrated: bool) -> tuple[str, ...]:
        name = f"{source}-{abs(hash((kind, calibrated)))}"
        options = BuildOptions(calibration=self.frames) if calibrated else PLAIN
        return Tflite(kind).build(self.source(source), name, self.folder, options)

    def away_db(self, source: str, kind: TfliteOptions, calibrated: bool) -> float:
        """PSNR of the build's answer to that of the ONNX file, rounded to 8 bit both."""
        x = tiny_nets.frames(5)[4].numpy()
        x = np.rint(x * np.float32(255)) / np.float32(255)
        answer = Tflite(kind).load(self.folder, self.build(source, kind, calibrated), ONE).infer(x)
        truth = answer_of(onnx.load(str(self.source(source))), x)
        return _psnr_db(np.rint(answer * 255) / 255, np.rint(truth * 255) / 255)


def _psnr_db(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(-10 * np.log10(max(np.mean((a - b) ** 2), 1e-12)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> _Place:
    return _Place(tmp_path_factory.mktemp("tflite"))


def test_frames_bring_the_last_layer_into_int8(place: _Place) -> None:
    plain, calibrated = (
        Tflite().inspect(place.folder, place.build("int8", TfliteOptions(), frames), None) for frames in (False, True)
    )
    trained = sum(row.kind == "weight" for row in read_table(tiny_nets.fake_quant_net(), Scheme(), ()).tensors)
    assert (plain.int8_layers, calibrated.int8_layers) == (trained - 2, trained - 1)
    assert "/net/repair/leave/Conv" in plain.float_islands
    assert "/net/repair/leave/Conv" not in calibrated.float_islands
    (seen,) = (note for note in calibrated.notes if "calibration frames" in note)
    assert seen.startswith("/net/repair/leave/Conv_output_0: ")
    assert any(note.startswith("in float between its layers: ") and "MUL" in note for note in calibrated.notes)
    assert place.away_db("int8", TfliteOptions(), False) > 60
    assert place.away_db("int8", TfliteOptions(), True) > 48


def test_trained_scales_are_in_a_calibrated_file(place: _Place) -> None:
    table = read_table(tiny_nets.fake_quant_net(), Scheme(), ())
    found = Tflite().inspect(place.folder, place.build("int8", TfliteOptions(), True), table)
    assert (found.scales_compared, found.scale_differences) == (len(table.tensors), ())


def test_ends_in_float_answer_the_same(place: _Place) -> None:
    kind = TfliteOptions(ends="float32")
    border = Tflite(kind).border("dark", *SIZE)
    assert (border.dtype, border.layout, border.scale) == ("float32", "NHWC", None)
    assert place.away_db("int8", kind, False) > 60
    codes = Tflite().border("dark", *SIZE)
    assert (codes.dtype, codes.zero_point, codes.low, codes.high) == ("int8", -128, -128.0, 127.0)


def test_an_all_integer_file_holds_no_float(place: _Place) -> None:
    kind = TfliteOptions(integer=True)
    with pytest.raises(BuildError, match="give frames"):
        Tflite(kind).build(place.source("int8"), "net", place.folder)
    found = Tflite(kind).inspect(place.folder, place.build("int8", kind, True), None)
    assert found.float_layers == 0 and not found.float_islands
    assert not any("in float" in note for note in found.notes)
    assert place.away_db("int8", kind, True) > 15  # eight bits of a dark picture times eight


def test_sixteen_bit_activations_and_half_weights(place: _Place) -> None:
    wide, half = TfliteOptions(activations=16), TfliteOptions(half_weights=True)
    assert place.away_db("int8", wide, False) > 45
    assert place.away_db("float", half, False) > 50
    sizes = [os.path.getsize(place.folder / place.build("float", kind, False)[0]) for kind in (TfliteOptions(), half)]
    assert sizes[1] < 0.8 * sizes[0]


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


def test_what_can_not_be_built_is_one_line(place: _Place, tmp_path: Path) -> None:
    export_onnx(tiny_nets.student_net(), OnnxRequest(SIZE, True, 18, {}), tmp_path / "free.onnx")
    with pytest.raises(BuildError, match="toolchain tflite: .*made for one size") as caught:
        Tflite().build(tmp_path / "free.onnx", "net", tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "net.tflite").exists()
    with pytest.raises(BuildError, match="not bf16"):
        Tflite().load(place.folder, place.build("int8", TfliteOptions(), False), RunOptions(1, "bf16"))
