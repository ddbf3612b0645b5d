"""How pictures become a build's tensors and back, as formulas on whole numbers; bytes, alignment, memory.

The formulas are those of ``compress.runtimes.picture``, which made the golden frames. A picture's code ``p`` is
0 to 255; a tensor's element is ``t``. Nothing here is a matter of a machine's floating-point mode: what is float32
is given by its bits (IEEE 754).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, model_serializer

from compress.errors import BuildError
from compress.records import Build, Record, RuntimeName, TensorSpec, without_empty

MemoryOrigin = Literal["counted", "estimated", "unknown"]
ELEMENT_BYTES = {"float32": 4, "uint8": 1, "int8": 1}
CHANNELS = 3
_TOP = 255

_WRITTEN = {
    "float32": "t = the float32 nearest to p / 255: 0 for p = 0; else q = ((p << s) + 127) / 255 in unsigned "
    "32-bit whole numbers, s the smallest with (p << s) >= (255 << 23); t = q * 2**-s, its bits are "
    "((150 - s) << 23) | (q & 0x7fffff)",
    "uint8": "t = p",
    "int8": "t = p - 128",
}
_READ = {
    "float32": "v = t * 255 rounded to float32, half to even; p = clamp(round_half_even(v), 0, 255); "
    "NaN or infinity: the answer is broken",
    "uint8": "p = t",
    "int8": "p = t + 128",
}
_PLACES = {
    "NCHW": "element of row y, column x, colour c (0 red, 1 green, 2 blue): (c * H + y) * W + x",
    "NHWC": "element of row y, column x, colour c (0 red, 1 green, 2 blue): (y * W + x) * 3 + c",
}
_PADDED = (
    "H and W are the picture's height and width, each rounded up to a multiple of size_multiple; row y takes the "
    "picture's row min(y, height - 1), column x its column min(x, width - 1)"
)
_MAPS_READ = "v = t, float32: an element of a map as it is; NaN or infinity: the answer is broken"
_MAPS_PLACES = {
    "NCHW": "element of row y, column x, map k: (k * H + y) * W + x; what maps mean: contract.postprocessing",
    "NHWC": "element of row y, column x, map k: (y * W + x) * {maps} + k; what maps mean: contract.postprocessing",
}
_MAPS_CUT = "nothing is dropped: boxes that leave the picture's height and width are cut at them"
_CUT = "rows from height on and columns from width on are dropped"
_CUT_LARGER = "rows from {scale} * height on and columns from {scale} * width on are dropped"

_OWN_BUFFERS: dict[RuntimeName, tuple[int, str]] = {
    "onnx": (0, "takes any buffer that its element type may lie at; tried here on x86-64"),
    "openvino": (0, "takes any buffer that its element type may lie at; tried here on x86-64"),
    "tflite": (
        64, "SetCustomAllocationForTensor asks for kDefaultTensorAlignment, after its header, and XNNPACK may read "
        "some bytes behind a buffer: leave it 16; TfLiteTensorCopyFromBuffer asks for nothing",
    ),
    "tensorrt": (256, "setTensorAddress asks for device memory so aligned, after its header; not tried here"),
    "rknn": (0, "memory without copying comes from rknn_create_mem, rknn_inputs_set copies; not tried here"),
}  # fmt: skip
"""Bytes that a buffer of one's own must be aligned to (0: the element's size), and how that is known."""


class Border(Record):
    """One end of a build for a programmer. Sizes are None where a side is free: then per pixel of the padded picture.

    ``formula`` is for one element, ``place`` says where it lies; ``strides`` are elements from one row, column and
    colour to the next, None where they follow from a free side. Of maps of boxes, a pixel is a place of a map, and a
    colour a map.
    """

    element_bytes: int
    size_bytes: int | None
    bytes_per_pixel: int
    alignment_bytes: int
    row_stride: int | None
    column_stride: int
    colour_stride: int | None
    formula: str
    place: str


class Memory(Record):
    """Bytes and where each figure comes from. ``peak_bytes``: tensors between the ends, as the SDK plans them."""

    weights_bytes: int | None
    weights_origin: MemoryOrigin
    peak_bytes: int | None
    peak_origin: MemoryOrigin
    note: str


class Feeding(Record):
    """What a C program needs beside names, shapes and types. ``maps``: the second output, not written where there is
    one."""

    input: Border
    output: Border
    padding: str
    cutting: str
    alignment_note: str
    memory: Memory
    maps: Border | None = None

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_empty(plain(self), "maps")


def feeding_of(build: Build, folder: Path) -> Feeding:
    """How to feed ``build``, whose files lie below ``folder``. Raises BuildError where no formula is known for it."""
    alignment, note = _OWN_BUFFERS[build.runtime]
    contract = build.contract
    cutting = _CUT if contract.scale == 1 else _CUT_LARGER.format(scale=contract.scale)
    ends = [] if contract.picture_end is None else [_border(build, contract.picture_end, _READ, alignment)]
    if contract.maps is not None and contract.maps_end is not None:
        ends.append(_maps_border(contract.maps_end, contract.maps.channels, alignment))
        cutting = _MAPS_CUT if contract.picture_end is None else f"{cutting}; of maps {_MAPS_CUT}"
    return Feeding(
        input=_border(build, contract.input, _WRITTEN, alignment), output=ends[0],
        maps=ends[1] if len(ends) > 1 else None, padding=_PADDED, cutting=cutting,
        alignment_note=f"{build.runtime}: {note}", memory=_memory(build, folder),
    )  # fmt: skip


def check_formula(spec: TensorSpec) -> list[str]:
    """Why the formulas are not those of ``spec``; [] where they are."""
    if spec.dtype not in ELEMENT_BYTES:
        return [f"{spec.name}: no formula for {spec.dtype}"]
    problems = [] if spec.colour_order == "RGB" else [f"{spec.name}: colours are fed as RGB, not {spec.colour_order}"]
    low, high = {"float32": (0.0, 1.0), "uint8": (0.0, 255.0), "int8": (-128.0, 127.0)}[spec.dtype]
    if (spec.low, spec.high) != (low, high):
        problems.append(f"{spec.name}: {spec.dtype} is fed {low:g} to {high:g}, not {spec.low:g} to {spec.high:g}")
    if (spec.scale is None) != (spec.zero_point is None):
        problems.append(f"{spec.name}: scale and zero-point go together")
    elif spec.scale is not None and spec.zero_point is not None:
        if spec.dtype == "float32":
            problems.append(f"{spec.name}: a float32 tensor has no scale")
        elif abs(spec.scale * _TOP - 1) > 1e-6 or spec.zero_point != int(low):
            problems.append(
                f"{spec.name}: scale {spec.scale:g} with zero-point {spec.zero_point} is not that of 8-bit codes"
            )
    return problems


def _border(build: Build, spec: TensorSpec, formulas: dict[str, str], alignment: int) -> Border:
    problems = check_formula(spec)
    if problems:
        raise BuildError(f"build {build.name} can't be fed by a known formula: " + "; ".join(problems))
    height, width = sides(spec)
    each = ELEMENT_BYTES[spec.dtype]
    planar = spec.layout == "NCHW"
    return Border(
        element_bytes=each, bytes_per_pixel=CHANNELS * each, alignment_bytes=max(alignment, each),
        size_bytes=CHANNELS * each * height * width or None,
        row_stride=(width if planar else CHANNELS * width) or None, column_stride=1 if planar else CHANNELS,
        colour_stride=height * width or None if planar else 1,
        formula=formulas[spec.dtype], place=_PLACES[spec.layout],
    )  # fmt: skip


def _maps_border(spec: TensorSpec, maps: int, alignment: int) -> Border:
    """Of ``maps`` float32 maps."""
    height, width = sides(spec)
    each, planar = ELEMENT_BYTES[spec.dtype], spec.layout == "NCHW"
    return Border(
        element_bytes=each, bytes_per_pixel=maps * each, alignment_bytes=max(alignment, each),
        size_bytes=maps * each * height * width or None, row_stride=(width if planar else maps * width) or None,
        column_stride=1 if planar else maps, colour_stride=height * width or None if planar else 1,
        formula=_MAPS_READ, place=_MAPS_PLACES[spec.layout].format(maps=maps),
    )  # fmt: skip


def sides(spec: TensorSpec) -> tuple[int, int]:
    """Height and width; 0 stands for free."""
    return (spec.shape[2], spec.shape[3]) if spec.layout == "NCHW" else (spec.shape[1], spec.shape[2])


def _memory(build: Build, folder: Path) -> Memory:
    """Counted from the files, or what the SDK said when it made the build; else unknown, and why."""
    main = folder / build.files[0]
    if build.runtime == "rknn":
        from compress.runtimes.rknn import read_record

        record = read_record(folder, build.files)
        return Memory(
            weights_bytes=record.weight_bytes, weights_origin="estimated", peak_bytes=record.internal_bytes,
            peak_origin="estimated", note="as the RKNN compiler plans it; not measured on a board",
        )  # fmt: skip
    if build.runtime == "tensorrt":
        return _of_proxy(build, folder)
    if build.runtime == "onnx":
        return _unknown_peak(_initializer_bytes(main), "initializers and constants of the graph as stored")
    if build.runtime == "openvino":
        return _unknown_peak((folder / build.files[1]).stat().st_size, "the .bin file, all constants of the graph")
    return _unknown_peak(main.stat().st_size, "the whole file, which is mapped or kept in memory")


def _unknown_peak(weights: int, what: str) -> Memory:
    return Memory(
        weights_bytes=weights, weights_origin="counted", peak_bytes=None, peak_origin="unknown",
        note=f"weights: {what}; the runtime does not tell what its tensors need before it runs, measure on the device",
    )  # fmt: skip


def _of_proxy(build: Build, folder: Path) -> Memory:
    from compress.runtimes.tensorrt import Proxy

    path = next((folder / name for name in build.files if name.endswith(".proxy.json")), None)
    if path is None:
        return Memory(weights_bytes=None, weights_origin="unknown", peak_bytes=None, peak_origin="unknown",
                      note="no report of TensorRT-RTX lies beside the graph")  # fmt: skip
    proxy = Proxy.read(path)
    weights, peak = proxy.weights_memory_bytes, proxy.activation_memory_bytes
    return Memory(
        weights_bytes=weights, weights_origin="unknown" if weights is None else "estimated", peak_bytes=peak,
        peak_origin="unknown" if peak is None else "estimated",
        note=f"of a stand-in engine ({proxy.sdk} for {proxy.architecture}), not of the board's own",
    )  # fmt: skip


def _initializer_bytes(path: Path) -> int:
    from onnx import numpy_helper

    from compress.runtimes.interchange import constant_tensors
    from compress.runtimes.onnx import read_file

    kept = {id(tensor): tensor for tensor in constant_tensors(read_file(path)).values()}
    return sum(int(numpy_helper.to_array(tensor).nbytes) for tensor in kept.values())
