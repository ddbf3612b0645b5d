"""Stage ``export``: every network of the chain as deployable files, read back."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from compress.artefacts import Builds, Control, Net, Pruned, Quantized, Student, Teacher
from compress.records import (
    Build,
    BuildList,
    IOContract,
    NetFacts,
    NotBuilt,
    QuantizationTable,
    RuntimeName,
    Variant,
)  # fmt: skip
from compress.runtimes import RUNTIMES, open_runtime
from compress.schema import ExportSpec
from compress.stage import Progress, stage

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class _Shape:
    """Height and width of the fixed-size builds, and what every network's sides are multiples of."""

    height: int
    width: int
    multiple: int


@dataclass(frozen=True)
class _Network:
    """A network to export. ``load`` gives it as a module, fake-quant as torch's own layers."""

    variant: Variant
    load: Callable[[], nn.Module]
    table: QuantizationTable | None = None


@dataclass(frozen=True)
class _File:
    """One interchange file: which network, for pictures of one size, or (``free``) of any."""

    network: _Network
    shape: _Shape
    free: bool = False

    @property
    def stem(self) -> str:
        return "free" if self.free else f"{self.shape.height}x{self.shape.width}"

    def runtimes(self, wanted: tuple[RuntimeName, ...]) -> tuple[RuntimeName, ...]:
        made = tuple(name for name in wanted if name in RUNTIMES)
        return tuple(name for name in made if name == "onnx") if self.free else made


@stage(gives=Builds, version=1, environment=("torch", "nncf", "onnx", "onnxsim", "onnxruntime", "openvino"))
def export(
    teacher: Teacher | None, student: Student | None, control: Control | None, pruned: Pruned | None,
    quantized: Quantized, export: ExportSpec, out: Path, progress: Progress,
) -> None:  # fmt: skip
    """Write the builds and ``builds.json``.

    Every network gets builds of the fixed ``export.size`` (its sides rounded up to what the network
    takes), for comparison on the device; INT8 alone ships, also as an ONNX file of free size.

    Raises BuildError for a network that can't be exported, or a file that answers otherwise than it.
    """
    nets: dict[Variant, Net | None] = {"teacher": teacher, "student": student, "control": control, "pruned": pruned}
    floats = {variant: net for variant, net in nets.items() if net is not None}
    shape = _shape((*floats.values(), quantized), export, progress)
    files = list(_files(floats, quantized, export, shape))
    total = sum(len(file.runtimes(export.builds)) for file in files)
    builds: list[Build] = []
    for file in files:
        with tempfile.TemporaryDirectory() as text:
            source = _interchange(file, export, Path(text))
            for runtime in file.runtimes(export.builds):
                progress.update(len(builds), total, f"{file.network.variant} {runtime} {file.stem}")
                builds.append(_build(file, runtime, source, out))
                _tell(builds[-1], progress)
    BuildList(
        builds=tuple(builds), not_built=_not_built(export),
        nets=tuple(_facts(variant, net, shape) for variant, net in floats.items()),
    ).write(out / "builds.json")  # fmt: skip


def _shape(nets: tuple[Net, ...], export: ExportSpec, progress: Progress) -> _Shape:
    """``export.size`` rounded up to multiples of what all networks take."""
    from compress.models.weights import load_net
    from compress.runtimes.picture import padded_size

    multiple = math.lcm(*(int(load_net(net.weights).size_multiple) for net in nets))  # type: ignore[arg-type]
    height, width = padded_size(*export.size, multiple)
    if (height, width) != export.size:
        asked = f"{export.size[0]}x{export.size[1]}"
        progress.say(f"export.size {asked}: built for {height}x{width}; pad pictures as the contract says")
    return _Shape(height, width, multiple)


def _files(floats: dict[Variant, Net], quantized: Quantized, export: ExportSpec, shape: _Shape) -> Iterator[_File]:
    from compress.models.quantized import load_fake_quant, strip
    from compress.models.weights import load_net

    def fake_quant(which: Literal["qat", "ptq"]) -> nn.Module:
        return strip(load_fake_quant(quantized.folder, which), shape.height, shape.width)

    for variant, net in floats.items():
        yield _File(_Network(variant, partial(load_net, net.weights)), shape)
    int8 = _Network("int8", partial(fake_quant, "qat"), QuantizationTable.read(quantized.table))
    yield _File(int8, shape)
    if export.dynamic:
        yield _File(int8, shape, free=True)
    yield _File(_Network("ptq", partial(fake_quant, "ptq")), shape)


def _interchange(file: _File, export: ExportSpec, folder: Path) -> Path:
    from compress.runtimes.interchange import OnnxRequest, export_onnx

    path = folder / f"{file.network.variant}-{file.stem}.onnx"
    notes = {"variant": file.network.variant, "colour_order": "RGB", "range": "0..1"}
    request = OnnxRequest((file.shape.height, file.shape.width), file.free, export.opset, notes)
    export_onnx(file.network.load(), request, path)
    return path


def _build(file: _File, runtime: RuntimeName, source: Path, out: Path) -> Build:
    variant, maker = file.network.variant, open_runtime(runtime)
    name = f"{variant}-{runtime}-{file.stem}"
    made = maker.build(source, name, out)
    return Build(
        name=name, variant=variant, runtime=runtime, files=made, ships=variant == "int8",
        size_bytes=sum((out / each).stat().st_size for each in made),
        height=None if file.free else file.shape.height, width=None if file.free else file.shape.width,
        contract=_contract(file, runtime), inspection=maker.inspect(out, made, file.network.table),
    )  # fmt: skip


def _contract(file: _File, runtime: RuntimeName) -> IOContract:
    from compress.runtimes.picture import io_contract

    height, width = (0, 0) if file.free else (file.shape.height, file.shape.width)
    return io_contract(runtime, height, width, file.shape.multiple)


def _tell(build: Build, progress: Progress) -> None:
    """Say what is not as it should be; it is in ``builds.json`` as well."""
    for difference in build.inspection.scale_differences:
        progress.say(f"{build.name}: {difference}")
    if build.variant == "int8" and build.inspection.int8_layers == 0:
        progress.say(f"{build.name}: no layer of it runs in int8 on this machine")


def _not_built(export: ExportSpec) -> tuple[NotBuilt, ...]:
    made = " and ".join(RUNTIMES)
    reason = f"this version builds {made}; make it from the ONNX build with the device's own toolchain"
    return tuple(NotBuilt(runtime=name, reason=reason) for name in export.builds if name not in RUNTIMES)


def _facts(variant: Variant, net: Net, shape: _Shape) -> NetFacts:
    from compress.models.pruning import count_macs
    from compress.models.weights import load_net

    module = load_net(net.weights)
    return NetFacts(
        variant=variant, params=sum(p.numel() for p in module.parameters()),
        macs=count_macs(module, shape.height, shape.width), macs_height=shape.height, macs_width=shape.width,
        weights_size_bytes=net.weights.stat().st_size,
    )  # fmt: skip
