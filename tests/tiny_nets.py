"""Tiny artefacts made the real way: a student, its fake-quant self by NNCF, and the folders stages read."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from zlib import crc32

import torch
from torch import Tensor, nn

from compress.artefacts import Quantized, Student
from compress.models import build_net
from compress.models.brighten import start_small
from compress.models.quantized import insert_fake_quant, read_table, save_fake_quant
from compress.models.weights import save_net
from compress.schema import Board, DataSpec, FloatLayers, QuantizeSpec, Scheme

HEIGHT, WIDTH = 32, 48
KEPT = QuantizeSpec(keep_float=("light",))
AFFINE = Scheme()
FLOATS = FloatLayers(on_device=True, runtime="openvino", precision="f32", builds=("onnx", "openvino"))
NO_BOARD = Board(host=None, builds=())
DATA = DataSpec(licence="with scikit-image", kind="embedded", size=(HEIGHT, WIDTH))


class Told:
    """A progress that remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.last = (0.0, 0.0)

    def update(self, done: float, total: float, note: str = "") -> None:
        self.last = (done, total)

    def say(self, line: str) -> None:
        self.lines.append(line)


_DRAW = "d"
"""A draw of weights that int8 harms enough for a layer's cost to be seen."""


def student_net(seed: int = 0) -> nn.Module:
    """Four hidden layers with biases, small residual and colour map, as a trained student has.

    Each layer's weights depend on ``seed`` and its name alone: one layer more leaves the others as they were.
    """
    net = build_net("light_twin", {"width": 16, "depth": 4, "light_width": 8}).eval()
    for name, layer in net.named_modules():
        if isinstance(layer, nn.Conv2d):
            torch.manual_seed(crc32(f"{seed} {name} {_DRAW}".encode()))
            layer.reset_parameters()
    start_small(net.get_submodule("light.to_colour"), 0.01)  # type: ignore[arg-type]
    with torch.no_grad():
        net.repair.leave.weight.mul_(0.1)  # type: ignore[union-attr, operator]
    return net


def frames(count: int) -> list[Tensor]:
    """Dark noise, (1, 3, 32, 48) in [0, 0.3]."""
    torch.manual_seed(1)
    return [torch.rand(1, 3, HEIGHT, WIDTH) * 0.3 for _ in range(count)]


@cache
def fake_quant_net(scheme: Scheme = AFFINE) -> nn.Module:
    return insert_fake_quant(student_net(), frames(2), scheme, KEPT)


def make_student(folder: Path) -> Student:
    folder.mkdir()
    save_net(student_net(), folder / "net.safetensors")
    return Student(folder, "key", "digest")


def make_quantized(folder: Path, scheme: Scheme = AFFINE) -> Quantized:
    folder.mkdir()
    save_net(student_net(), folder / "net.safetensors")
    for which in ("qat", "ptq"):
        save_fake_quant(fake_quant_net(scheme), folder, which)  # type: ignore[arg-type]
    read_table(fake_quant_net(scheme), scheme, KEPT.keep_float).write(folder / "quantization.json")
    return Quantized(folder, "key", "digest")
