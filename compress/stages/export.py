"""Stage ``export``: every network of the chain as deployable files, read back."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from compress.artefacts import Builds, Control, Labels, Net, Pruned, Quantized, Student, Teacher
from compress.errors import BuildError
from compress.records import (
    BoxMaps,
    Build,
    BuildList,
    IOContract,
    NetFacts,
    NotBuilt,
    QuantizationTable,
    RuntimeName,
    Variant,
)  # fmt: skip
from compress.runtimes import needs_toolchain, open_runtime, why_not_built
from compress.runtimes.base import BuildOptions
from compress.schema import Board, DataSpec, ExportSpec, FloatLayers
from compress.stage import Progress, stage
from compress.tasks import class_names, task_of

if TYPE_CHECKING:
    from torch import nn

_OUTSIDE = "from outside, so neither built nor timed"


@dataclass(frozen=True)
class _Shape:
    """Height and width of the fixed-size builds, what all sides are multiples of, and how much the networks enlarge.

    ``maps``: how they say boxes; None where they answer with pictures alone; ``has_picture``: not with maps alone.
    """

    height: int
    width: int
    multiple: int
    scale: int = 1
    maps: BoxMaps | None = None
    has_picture: bool = True

    @property
    def halved(self) -> tuple[int, int]:
        """About half of it, 64 px or more, as multiples of what the networks take; another size in any case."""
        least = max(1, math.ceil(64 / self.multiple))
        height, width = (max(least, round(side / self.multiple / 2)) for side in (self.height, self.width))
        if (height * self.multiple, width * self.multiple) == (self.height, self.width):
            height += 1
        return height * self.multiple, width * self.multiple


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

    def runtimes(self, wanted: tuple[RuntimeName, ...], full: Variant) -> tuple[RuntimeName, ...]:
        """Of the runtimes ``wanted``, those that get this file.

        A file of free size is ONNX only. An SDK of its own environment takes seconds a build: it gets what ships
        and the float network that this was (``full``), not the whole chain.
        """
        if self.free:
            return tuple(name for name in wanted if name == "onnx")
        everything = self.network.variant in ("int8", full)
        return tuple(name for name in wanted if everything or not needs_toolchain(name))

    @property
    def floating(self) -> bool:
        return self.network.variant not in ("int8", "ptq")


@stage(
    gives=Builds, version=4,
    environment=("torch", "nncf", "onnx", "onnxsim", "onnxruntime", "openvino", "ai-edge-litert"),
)  # fmt: skip
def export(
    teacher: Teacher | None, student: Student | None, control: Control | None, pruned: Pruned | None,
    quantized: Quantized, export: ExportSpec, floats: FloatLayers, board: Board, data: DataSpec, out: Path,
    progress: Progress, labels: Labels | None = None,
) -> None:  # fmt: skip
    """Write the builds and ``builds.json``.

    Every network gets builds of the fixed ``export.size`` (its sides rounded up to what the network
    takes), for comparison on the device; INT8 alone ships, also as an ONNX file of free size. Operators that
    the target lacks are rewritten in all of them but the ONNX files. A runtime whose toolchain is not set up
    is listed as not built, and so is a float network for a device without float layers, and the file of free size of
    a network from outside that takes one size. A teacher from outside is not built: it may be what no runtime takes.

    An SDK whose builds are made on their board gets that done there, where ``board`` names one.

    Raises BuildError for a network that can't be exported, or a file that answers otherwise than it, and DeviceError
    for a board that is named and can't do its part.
    """
    outside = teacher if teacher is not None and teacher.foreign else None
    if outside:
        progress.say(f"teacher: {_OUTSIDE}: its quality is measured through torch")
        teacher = None
    if teacher is not None and student is not None and teacher.digest == student.digest:
        teacher = None  # one network that could be both, and ships itself
    from compress.foreign.facts import foreign_facts

    nets: dict[Variant, Net | None] = {"teacher": teacher, "student": student, "control": control, "pruned": pruned}
    plain = {variant: net for variant, net in nets.items() if net is not None}
    shape = _shape({**plain, "int8": quantized}, export, data, progress)
    files = list(_files(plain, quantized, export, shape))
    reasons = {name: why_not_built(name) for name in export.builds}
    ready = tuple(name for name in export.builds if reasons[name] is None)
    full: Variant = "pruned" if pruned is not None else "student"
    plan, absent = _sorted_out([(file, file.runtimes(ready, full)) for file in files], floats)
    builds: list[Build] = []
    with tempfile.TemporaryDirectory() as text:
        options = _options(ready, export, floats, (data, labels), shape, Path(text))
        options = replace(options, host=board.host, reached_by=board.kind)
        for file, runtimes in plan:
            try:
                made = _Sources(file, export, Path(text), rewrite=set(runtimes) != {"onnx"})
            except BuildError as error:
                if not (file.free and quantized.foreign):
                    raise
                absent.append(NotBuilt(runtime="onnx", reason=str(error), variant="int8", free=True))
                progress.say(f"no file of free size: {error}")
                continue
            for runtime in runtimes:
                progress.update(len(builds), sum(len(each) for _, each in plan), f"{file.stem} {runtime}")
                builds.append(_build(file, runtime, made, options, out))
                _tell(builds[-1], progress)
    facts = [_facts(variant, net, shape) for variant, net in plain.items()]
    if outside:
        facts.insert(0, foreign_facts(outside, shape.height, shape.width))
        absent.append(NotBuilt(runtime=floats.runtime, reason=_OUTSIDE, variant="teacher"))
    BuildList(
        builds=tuple(builds), nets=tuple(facts),
        not_built=(
            *(NotBuilt(runtime=name, reason=why) for name, why in reasons.items() if why is not None), *absent,
        ),
        trained=quantized.trained,
    ).write(out / "builds.json")  # fmt: skip


def _sorted_out(
    wanted: list[tuple[_File, tuple[RuntimeName, ...]]], floats: FloatLayers
) -> tuple[list[tuple[_File, tuple[RuntimeName, ...]]], list[NotBuilt]]:
    """What is built of ``wanted``, and what can't be: a float network for a device that has no float layers."""
    if floats.on_device:
        return [(file, names) for file, names in wanted if names], []
    reason = "the device runs no float layers (target.float_layers)"
    absent = [
        NotBuilt(runtime=name, reason=reason, variant=file.network.variant)
        for file, names in wanted for name in names if file.floating and name == floats.runtime
    ]  # fmt: skip
    gone = {(each.variant, each.runtime) for each in absent}
    plan = [(file, tuple(n for n in names if (file.network.variant, n) not in gone)) for file, names in wanted]
    return [(file, names) for file, names in plan if names], absent


def _options(
    runtimes: tuple[RuntimeName, ...], export: ExportSpec, floats: FloatLayers,
    pictures: tuple[DataSpec, Labels | None], shape: _Shape, folder: Path,
) -> BuildOptions:  # fmt: skip
    """Calibration frames are written for SDKs in environments of their own: only these may choose ranges."""
    from compress.data.frames import write_frames

    options = BuildOptions(platform=export.platform, float_precision=floats.precision, tflite=export.tflite)
    if not any(needs_toolchain(name) for name in runtimes):
        return options
    path = folder / "calibration.npy"
    write_frames(pictures[0], (shape.height, shape.width), export.calibration_frames, path, pictures[1])
    return replace(options, calibration=path)


def _shape(nets: dict[Variant, Net], export: ExportSpec, data: DataSpec, progress: Progress) -> _Shape:
    """``export.size`` rounded up to multiples of what all networks take; ``data`` tells the task, and its classes.

    Raises BuildError for a network whose outputs are not the task's.
    """
    from compress.models.detect import maps_of
    from compress.models.enhance import scale_of
    from compress.models.outputs import outputs_of
    from compress.models.weights import load_net
    from compress.runtimes.interchange import OUTPUT
    from compress.runtimes.picture import padded_size

    loaded = [load_net(net.weights) for net in nets.values()]
    wanted = task_of(data).outputs
    for variant, module in zip(nets, loaded, strict=True):
        if outputs_of(module) != wanted:
            given, asked_for = (" and ".join(names) for names in (outputs_of(module), wanted))
            raise BuildError(f"the {variant} network answers with {given}, its task asks for {asked_for}")
    multiple = math.lcm(*(int(net.size_multiple) for net in loaded))  # type: ignore[arg-type]
    height, width = padded_size(*export.size, multiple)
    if (height, width) != export.size:
        asked = f"{export.size[0]}x{export.size[1]}"
        progress.say(f"export.size {asked}: built for {height}x{width}; pad pictures as the contract says")
    maps = maps_of(loaded[-1], class_names(data))
    return _Shape(height, width, multiple, scale_of(loaded[-1]), maps, OUTPUT in wanted)


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
    if quantized.trained:  # else it is the one that ships, or a candidate of a search, which comes without its control
        yield _File(_Network("ptq", partial(fake_quant, "ptq")), shape)


class _Sources:
    """The interchange file of one network: as exported, and with what the target lacks rewritten."""

    def __init__(self, file: _File, export: ExportSpec, folder: Path, *, rewrite: bool) -> None:
        from compress.runtimes.interchange import OnnxRequest, export_onnx
        from compress.runtimes.rewrites import rewrite_file

        shape, variant = file.shape, file.network.variant
        self.plain, self.size = folder / f"{variant}-{file.stem}.onnx", (shape.height, shape.width)
        notes = {"variant": variant, "colour_order": "RGB", "range": "0..1"}
        request = OnnxRequest(
            (shape.height, shape.width), file.free, export.opset, notes, shape.halved if file.free else None
        )
        export_onnx(file.network.load(), request, self.plain)
        self.rewritten = self.plain
        self.notes: tuple[str, ...] = ()
        if export.lacking and rewrite:
            self.rewritten = self.plain.with_suffix(".rewritten.onnx")
            self.notes = tuple(done.line() for done in rewrite_file(self.plain, self.rewritten, export.lacking))
        self.objects = shape.maps if export.nms == "graph" and not file.free else None

    def of(self, runtime: RuntimeName) -> Path:
        """The file that this runtime's build is made from, with boxes as an output where they are asked for."""
        import onnx

        from compress.detection.in_graph import with_objects
        from compress.runtimes.interchange import MAPS

        source = self.plain if runtime == "onnx" else self.rewritten
        if self.objects is None or not open_runtime(runtime).reads_boxes:
            return source
        made = source.with_suffix(".objects.onnx")
        onnx.save(with_objects(onnx.load(str(source)), MAPS, self.objects, self.size), str(made))
        return made


def _build(file: _File, runtime: RuntimeName, source: _Sources, options: BuildOptions, out: Path) -> Build:
    from compress.runtimes.islands import float_though_trained
    from compress.runtimes.onnx import read_file

    variant, maker = file.network.variant, open_runtime(runtime)
    name = f"{variant}-{runtime}-{file.stem}"
    plain = runtime == "onnx"
    made = maker.build(source.of(runtime), name, out, options)
    found = maker.inspect(out, made, file.network.table)
    trained = float_though_trained(found.float_islands, read_file(source.plain if plain else source.rewritten))
    return Build(
        name=name, variant=variant, runtime=runtime, files=made, ships=variant == "int8",
        size_bytes=sum((out / each).stat().st_size for each in made),
        height=None if file.free else file.shape.height, width=None if file.free else file.shape.width,
        contract=_contract(file, runtime, options, source.objects is not None and maker.reads_boxes),
        inspection=found.model_copy(
            update={
                "notes": (*found.notes, *(() if plain else source.notes)), "float_though_trained": trained,
            }
        ),
    )  # fmt: skip


def _contract(file: _File, runtime: RuntimeName, options: BuildOptions, objects: bool) -> IOContract:
    from compress.runtimes.both import both_contract
    from compress.runtimes.maps import maps_contract
    from compress.runtimes.picture import io_contract

    shape = file.shape
    height, width = (0, 0) if file.free else (shape.height, shape.width)
    if shape.maps is None:
        return io_contract(runtime, height, width, shape.multiple, options, shape.scale)
    if not shape.has_picture:
        return maps_contract(runtime, height, width, shape.multiple, shape.maps, options, objects)
    return both_contract(runtime, height, width, shape.multiple, shape.maps, options, shape.scale, objects)


def _tell(build: Build, progress: Progress) -> None:
    """Say what is not as it should be; it is in ``builds.json`` as well."""
    for difference in build.inspection.scale_differences:
        progress.say(f"{build.name}: {difference}")
    if build.variant == "int8" and build.inspection.int8_layers == 0:
        progress.say(f"{build.name}: no layer of it runs in int8 on this machine")
    if build.variant == "int8":
        for layer in build.inspection.float_though_trained:
            progress.say(f"{build.name}: {layer} was quantized and runs in float")
        for note in build.inspection.notes:
            progress.say(f"{build.name}: {note}")


def _facts(variant: Variant, net: Net, shape: _Shape) -> NetFacts:
    from compress.models.pruning import count_macs
    from compress.models.weights import TRAINED_BY, load_net, read_metadata, weights_size_bytes

    module = load_net(net.weights)
    trained_by = "" if net.foreign else read_metadata(net.weights).get(TRAINED_BY, "")
    return NetFacts(
        variant=variant, params=sum(p.numel() for p in module.parameters()),
        macs=count_macs(module, shape.height, shape.width), macs_height=shape.height, macs_width=shape.width,
        weights_size_bytes=weights_size_bytes(net.weights), trained_by=trained_by,
    )  # fmt: skip
