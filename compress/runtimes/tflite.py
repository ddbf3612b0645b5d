"""TFLite files with the trained scales, made by the LiteRT converter and run by LiteRT (XNNPACK on CPUs).

The converter lives in its own environment; running needs ``ai-edge-litert``, or ``tflite-runtime`` on boards.
A tensor behind a quantizer is called like the quantizer in the ONNX file, so scales are compared by name.

What training left float stays float: image-space arithmetic and the light branch. So does a trained layer whose
answer nobody quantized, as TFLite's int8 layers answer in int8 only; with calibration frames it gets a range
and runs in int8. Which kind of file is asked for is the target's business (``compress.tflite_kind``).
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.devices.runner.no_runtime import NoRuntime
from compress.devices.runner.sessions import tflite_interpreter
from compress.errors import BuildError, one_line
from compress.records import Inspection, QuantizationTable, Record, TensorSpec
from compress.runtimes.base import (
    PLAIN,
    BuildOptions,
    Port,
    Ports,
    RunOptions,
    Runtime,
    Session,
    Size,
)
from compress.runtimes.interchange import ratio
from compress.runtimes.scales import FoundScale, compare_scales

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from compress.runtimes.base import Answers, Batch

_HEAVY = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "BATCH_MATMUL")
_WALL = "/wall"
_SEEN = "/seen"
_TRAINED = ("/QuantizeLinear", "/DequantizeLinear")
_SCALE, _ZERO = 1.0 / 255.0, -128
_TIMEOUT_S = 900.0
_NAMED = 3
"""Tensors named in a note; an integer file has dozens of a kind."""


class TfliteRequest(Record):
    """What the worker ``tflite_build`` is asked; paths are absolute."""

    onnx: str
    tflite: str
    codes: bool
    calibration: str | None
    integer: bool
    activations: int
    half: bool


class TfliteAnswer(Record):
    """What it answers: the tensors whose range was seen on calibration frames."""

    seen: tuple[str, ...]


class Tflite(Runtime):
    """``name.tflite`` for pictures of one size."""

    name = "tflite"
    enlarges = True
    maps_layout = "NHWC"
    toolchain = "tflite"

    def border(self, tensor: str, height: int, width: int, options: BuildOptions = PLAIN) -> TensorSpec:
        shape = (1, height, width, 3)
        if options.tflite.ends == "float32":
            return TensorSpec(name=tensor, shape=shape, layout="NHWC", dtype="float32", low=0.0, high=1.0)
        return TensorSpec(
            name=tensor, shape=shape, layout="NHWC", dtype="int8", low=-128.0, high=127.0, scale=_SCALE,
            zero_point=_ZERO,
        )  # fmt: skip

    def ports(self, folder: Path, files: tuple[str, ...]) -> Ports:
        import numpy as np

        with _read(folder / files[0]) as interpreter:
            (signature,) = interpreter.get_signature_list().values()
            inputs = [*zip(interpreter.get_input_details(), signature["inputs"], strict=True)]
            outputs = _outputs(interpreter)

        def port(item: dict[str, Any], name: str) -> Port:
            # A quantized end keeps its quantizer's name; the one signature says what it is called outside.
            known = frozenset({item["name"], name})
            return Port(known, tuple(map(int, item["shape"])), str(np.dtype(item["dtype"])))

        return [port(*each) for each in inputs], [port(item, name) for name, item in outputs.items()]

    def build(self, source: Path, name: str, out: Path, options: BuildOptions = PLAIN) -> tuple[str, ...]:
        """With ``options.calibration``, a trained layer whose answer nobody quantized runs in int8 as well."""
        from compress.toolchains.call import run_worker

        kind = options.tflite
        if kind.arithmetic == "integer" and options.calibration is None:
            raise BuildError(f"{name}: an all-integer file needs ranges of what training left float; give frames")
        request = TfliteRequest(
            onnx=str(source.resolve()), tflite=str((out / f"{name}.tflite").resolve()), codes=kind.ends == "int8",
            calibration=str(options.calibration.resolve()) if options.calibration else None,
            integer=kind.arithmetic == "integer", activations=kind.activation_bits, half=kind.half_weights,
        )  # fmt: skip
        run_worker("tflite", "tflite_build", request, TfliteAnswer, _TIMEOUT_S)
        return (f"{name}.tflite",)

    def inspect(self, folder: Path, files: tuple[str, ...], table: QuantizationTable | None) -> Inspection:
        """Operators as the file holds them: XNNPACK takes over whole runs of them as they are."""
        with _read(folder / files[0]) as interpreter:
            tensors = {item["index"]: item for item in interpreter.get_tensor_details()}
            operators = [_Operator.read(item, tensors) for item in interpreter._get_ops_details()]
        layers = [one for one in operators if one.kind in _HEAVY and not one.name.endswith(_WALL)]
        integer = [one.name for one in layers if one.integer]
        floating = tuple(one.name for one in layers if not one.integer)
        compared, differences = compare_scales(_scales(tensors.values()), table) if table else (0, ())
        return Inspection(
            operators=dict(sorted(Counter(one.kind for one in operators).items())),
            int8_layers=len(integer), float_layers=len(floating), float_islands=floating if integer else (),
            scales_compared=compared, scale_differences=differences, precision=_precision(layers, tensors),
            notes=tuple(_notes(operators, tensors)) if integer else (),
        )  # fmt: skip

    def load(self, folder: Path, files: tuple[str, ...], options: RunOptions, size: Size | None = None) -> Session:
        if options.float_precision != "f32":
            raise BuildError(f"LiteRT computes floats in f32 here, not {options.float_precision}")
        interpreter = _open(folder / files[0], options.threads)
        given = interpreter.get_input_details()[0]
        own = given["shape"].tolist()
        times = _times(own, interpreter)
        wanted = [1, *(size or own[1:3]), 3]
        try:
            with quiet():
                if wanted != own:
                    interpreter.resize_tensor_input(given["index"], wanted)
                interpreter.allocate_tensors()
            fits = None not in times and _times(wanted, interpreter) == times
        except (ValueError, RuntimeError) as error:
            if wanted == own:
                raise BuildError(f"{files[0]}: LiteRT can't run it: {one_line(error, kind=False)}") from None
            fits = False
        if not fits:
            raise BuildError(f"{files[0]} has one size, {own[1]}x{own[2]}; build another for {wanted[1]}x{wanted[2]}")
        return _TfliteSession(interpreter, files[0])


@dataclass(frozen=True)
class _Operator:
    """``integer``: it answers in codes, of ``bits``."""

    kind: str
    name: str
    integer: bool
    bits: int

    @classmethod
    def read(cls, item: dict[str, Any], tensors: dict[int, Any]) -> _Operator:
        answer = tensors[int(item["outputs"][0])]
        whole = "int" in answer["dtype"].__name__
        return cls(item["op_name"], answer["name"].split(";")[0], whole, 8 * answer["dtype"]().itemsize)


class _TfliteSession(Session):
    def __init__(self, interpreter: Any, name: str) -> None:
        self._interpreter, self._name = interpreter, name
        self._given = interpreter.get_input_details()[0]
        self._outputs = _outputs(interpreter)

    def run(self, x: Batch) -> Answers:
        self._set(x)
        self._interpreter.invoke()
        return {name: self._answer(item) for name, item in self._outputs.items()}

    def _answer(self, item: dict[str, Any]) -> Batch:
        import numpy as np

        answer = self._interpreter.get_tensor(item["index"]).transpose(0, 3, 1, 2)
        if item["dtype"] is np.float32:
            return np.ascontiguousarray(answer)
        return (np.ascontiguousarray(answer).astype(np.float32) - np.float32(_ZERO)) / np.float32(255)

    def prepare(self, x: Batch) -> Callable[[], None]:
        self._set(x)
        run: Callable[[], None] = self._interpreter.invoke
        return run

    def _set(self, x: Batch) -> None:
        import numpy as np

        _, height, width, _ = self._given["shape"].tolist()
        if x.shape != (1, 3, height, width) or x.dtype != np.float32:
            raise BuildError(f"{self._name} takes [1, 3, {height}, {width}] float32, not {list(x.shape)} {x.dtype}")
        self._interpreter.set_tensor(self._given["index"], as_taken(x, self._given))


def as_taken(x: Batch, given: dict[str, Any]) -> NDArray[Any]:
    """What a file with the input ``given`` takes for ``x``; exact for a picture of 8-bit codes."""
    import numpy as np

    pixels: NDArray[np.float32] = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    if given["dtype"] is np.float32:
        return pixels
    return np.asarray(np.rint(pixels * np.float32(255)).clip(0, 255) + np.float32(_ZERO), np.int8)


def _times(given: list[int], interpreter: Any) -> list[int | None]:
    """How many times larger than a picture (1, H, W, 3) each output is, as the interpreter declares it now; of maps,
    how many times smaller."""
    shapes = {name: item["shape"].tolist() for name, item in _outputs(interpreter).items()}
    return [
        ratio(name, *([shape[0], shape[-1], *shape[1:3]] for shape in (answered, given)))
        for name, answered in shapes.items()
    ]


def _outputs(interpreter: Any) -> dict[str, dict[str, Any]]:
    """What is known of each output, by its name, in the order of the file."""
    details = interpreter.get_output_details()
    (signature,) = interpreter.get_signature_list().values()
    if len(details) == 1:
        return {signature["outputs"][0]: details[0]}
    return {item["name"].split(";")[0]: item for item in details}


def _open(path: Path, threads: int) -> Any:
    try:
        interpreter = tflite_interpreter()
    except NoRuntime as error:
        raise BuildError(str(error)) from None
    try:
        with quiet():
            return interpreter(model_path=str(path), num_threads=threads)
    except (ValueError, RuntimeError) as error:
        raise BuildError(f"{path}: not a whole TFLite file: {one_line(error, kind=False)}") from None


@contextmanager
def _read(path: Path) -> Iterator[Any]:
    """The interpreter to look into; a file whose tables make no sense is refused when they are read."""
    interpreter = _open(path, 1)
    try:
        yield interpreter
    except (ValueError, RuntimeError, KeyError, IndexError) as error:
        raise BuildError(f"{path}: a broken TFLite file: {one_line(error)}; build it again") from None


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps LiteRT's notes on its delegate off the screen; they are written by C++."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _scales(tensors: Any) -> Iterator[FoundScale]:
    """Of tensors named after a trained quantizer; codes are uint8 minus 128 here, so ranges are compared."""
    import numpy as np

    for item in tensors:
        found, name = item["quantization_parameters"], item["name"].split(";")[0]
        if not name.endswith(_TRAINED) or not found["scales"].size:
            continue
        scale, zero = found["scales"].astype(np.float32), found["zero_points"].astype(np.int64)
        if item["dtype"] is np.int16:
            yield FoundScale(name, scale, reach=(np.float32(np.iinfo(np.int16).max) * scale))
        elif name.endswith("/DequantizeLinear"):
            yield FoundScale(name, scale, zero_point=zero)
        else:
            yield FoundScale(name, scale, low=((np.iinfo(item["dtype"]).min - zero) * scale).astype(np.float32))


def _precision(layers: list[_Operator], tensors: dict[int, Any]) -> str:
    """What the file computes in, where its kind is not the plain one."""
    import numpy as np

    kinds = {item["dtype"] for item in tensors.values()}
    wide = any(one.integer and one.bits == 16 for one in layers)
    codes = ["int16x8" if wide else "int8"] if any(one.integer for one in layers) else []
    floats = ["f32"] if np.float32 in kinds else []
    half = " with float16 weights" if np.float16 in kinds else ""
    plain = bool(floats) and not wide and not half
    return "" if plain else " and ".join(codes + floats) + half


def _notes(operators: list[_Operator], tensors: dict[int, Any]) -> Iterator[str]:
    """What is not trained integer arithmetic, a line each."""
    floating = Counter(one.kind for one in operators if not one.integer and one.kind not in (*_HEAVY, "DEQUANTIZE"))
    if floating:
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(floating.items()))
        yield f"in float between its layers: {counts}"
    seen = sorted({name.removesuffix(_SEEN) for item in tensors.values() if (name := item["name"]).endswith(_SEEN)})
    if seen:
        more = f" and {len(seen) - _NAMED} more" if len(seen) > _NAMED else ""
        yield f"ranges from calibration frames, not trained: {', '.join(seen[:_NAMED])}{more}"
