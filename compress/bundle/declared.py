"""What a build's file itself says of its ends, beyond names, shapes and types: layout, codes, colours, range.

Each runtime's files tell other things; None stands for a thing that this kind of file has no place for. Layouts of
ONNX files are told by where the three colours stand.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.records import Build, RuntimeName, TensorSpec

if TYPE_CHECKING:
    from collections.abc import Callable

_COLOURS = 3


@dataclass(frozen=True)
class Declared:
    """One end as the file has it. ``quantized``: None where the file can't tell; else scale and zero-point or ()."""

    layout: str | None = None
    quantized: tuple[float, int] | tuple[()] | None = None
    colour_order: str | None = None
    range: str | None = None
    variant: str | None = None


def read_declared(build: Build, folder: Path) -> tuple[Declared, Declared]:
    """Input and picture as ``build``'s files below ``folder`` declare them; without a picture, whatever comes out.

    May raise what a parser raises.
    """
    return _READERS[build.runtime](folder, build.files, build.contract.output.name)


def compare_declared(what: str, build: Build, wanted: TensorSpec, found: Declared) -> list[str]:
    """One line for each thing in which ``wanted`` is not what the file says; [] if none."""
    problems = []
    if found.layout is not None and found.layout != wanted.layout:
        problems.append(f"{what} is laid out {found.layout}, the contract says {wanted.layout}")
    if found.quantized is not None:
        problems += _compare_codes(what, wanted, found.quantized)
    if found.colour_order is not None and found.colour_order != wanted.colour_order:
        problems.append(f"{what} has colours {found.colour_order}, the contract says {wanted.colour_order}")
    said = f"{wanted.low:g}..{wanted.high:g}"
    if found.range is not None and found.range != said:
        problems.append(f"{what} has the range {found.range}, the contract says {said}")
    if found.variant is not None and found.variant != build.variant:
        problems.append(f"the file is of the {found.variant} network, the list says {build.variant}")
    return problems


def _compare_codes(what: str, wanted: TensorSpec, found: tuple[float, int] | tuple[()]) -> list[str]:
    import numpy as np

    if not found:
        named = wanted.scale is not None or wanted.zero_point is not None
        return [f"{what} has no scale in the file, the contract says {wanted.scale}"] if named else []
    problems = []
    if wanted.scale is None or np.float32(wanted.scale) != np.float32(found[0]):
        problems.append(f"{what} has scale {found[0]:.9g}, the contract says {wanted.scale}")
    if wanted.zero_point != found[1]:
        problems.append(f"{what} has zero-point {found[1]}, the contract says {wanted.zero_point}")
    return problems


def _of_shape(shape: tuple[int, ...]) -> str | None:
    """By where the colours stand; None where they could stand at either place."""
    if len(shape) != 4 or (shape[1] == _COLOURS) == (shape[3] == _COLOURS):
        return None
    return "NCHW" if shape[1] == _COLOURS else "NHWC"


def _of_onnx(folder: Path, files: tuple[str, ...], name: str) -> tuple[Declared, Declared]:
    from compress.runtimes.onnx import file_ports, read_file

    path = folder / files[0]
    notes = {prop.key: prop.value for prop in read_file(path).metadata_props}

    def declared(shape: tuple[int, ...]) -> Declared:
        kept = {name: notes.get(name) for name in ("colour_order", "range", "variant")}
        return Declared(layout=_of_shape(shape), quantized=(), **kept)

    given, answered = file_ports(path)
    wanted = next((port for port in answered if name in port.names), answered[0])
    return declared(given[0].shape), declared(wanted.shape)


def _of_openvino(folder: Path, files: tuple[str, ...], name: str) -> tuple[Declared, Declared]:
    """The Parameter keeps its layout; a Result often loses it, then the colours' place tells."""
    from compress.runtimes.openvino import _read

    model = _read(folder / files[0])

    def declared(node: Any, shape: Any) -> Declared:
        kept = "".join(letter for letter in str(node.get_layout()) if letter.isalpha())
        sizes = tuple(0 if dim.is_dynamic else dim.get_length() for dim in shape)
        return Declared(layout=kept or _of_shape(sizes), quantized=())

    taken, results = model.get_parameters()[0], model.get_results()
    left = next((each for each in results if name in each.input_value(0).get_names()), results[0])
    return declared(taken, model.input().partial_shape), declared(left, left.output(0).get_partial_shape())


def _of_tflite(folder: Path, files: tuple[str, ...], name: str) -> tuple[Declared, Declared]:
    from compress.runtimes.tflite import _open, _outputs

    interpreter = _open(folder / files[0], 1)

    def declared(item: dict[str, Any]) -> Declared:
        found = item["quantization_parameters"]
        codes = (float(found["scales"][0]), int(found["zero_points"][0])) if found["scales"].size else ()
        return Declared(layout=_of_shape(tuple(map(int, item["shape"]))), quantized=codes)

    answered = _outputs(interpreter)
    return declared(interpreter.get_input_details()[0]), declared(answered.get(name, next(iter(answered.values()))))


def _of_rknn(folder: Path, files: tuple[str, ...], name: str) -> tuple[Declared, Declared]:
    """The SDK's calls take bytes in NHWC and give float32 in NCHW; the codes inside the file are its own business."""
    return Declared(layout="NHWC", quantized=()), Declared(layout="NCHW", quantized=())


_READERS: dict[RuntimeName, Callable[[Path, tuple[str, ...], str], tuple[Declared, Declared]]] = {
    "onnx": _of_onnx, "tensorrt": _of_onnx, "openvino": _of_openvino, "tflite": _of_tflite, "rknn": _of_rknn,
}  # fmt: skip
