"""OpenVINO IR on the CPU plugin."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.detection.in_graph import OBJECTS
from compress.devices.runner.sessions import openvino_settings
from compress.errors import BuildError, one_line
from compress.records import Inspection, QuantizationTable, TensorSpec
from compress.runtimes.base import (
    PLAIN,
    BuildOptions,
    Port,
    Ports,
    RunOptions,
    Runtime,
    Session,
    Size,
    times_larger,
    times_smaller,
)
from compress.runtimes.interchange import MAPS, OUTPUT
from compress.runtimes.openvino_bytes import BORDER, take_bytes
from compress.runtimes.scales import FoundScale, compare_scales

if TYPE_CHECKING:
    import numpy as np
    import openvino
    from numpy.typing import NDArray

    from compress.runtimes.base import Answers, Batch

_HEAVY = ("Convolution", "Deconvolution", "FullyConnected", "MatMul")
_INT8 = ("i8", "u8")
_AUTOMATIC_NAME = re.compile(r"^[A-Za-z]\w*?_\d+$")


class OpenVino(Runtime):
    """``name.xml`` and ``name.bin``, weights as they are (no conversion to float16).

    Pictures go in and out as the camera has them, uint8 RGB in NHWC; scaling, rounding and the layout are
    part of the build. That spares two layout changes of float pictures, a fifth of the time of an INT8 run. Maps of
    boxes go out as the network has them, float32 in NCHW.
    """

    name = "openvino"
    carries_int16 = True
    enlarges = True
    reads_boxes = True

    def board_files(self, files: tuple[str, ...]) -> tuple[str, ...]:
        return files

    def border(self, tensor: str, height: int, width: int, options: BuildOptions = PLAIN) -> TensorSpec:
        return TensorSpec(name=tensor, shape=(1, height, width, 3), layout="NHWC", dtype="uint8", low=0.0, high=255.0)

    def ports(self, folder: Path, files: tuple[str, ...]) -> Ports:
        import numpy as np

        def port(value: openvino.Output) -> Port:
            shape = tuple(0 if dim.is_dynamic else dim.get_length() for dim in value.partial_shape)
            return Port(frozenset(value.get_names()), shape, str(np.dtype(value.get_element_type().to_dtype())))

        model = _read(folder / files[0])
        return [port(v) for v in model.inputs], [port(v) for v in model.outputs]

    def build(self, source: Path, name: str, out: Path, options: BuildOptions = PLAIN) -> tuple[str, ...]:
        import openvino
        from openvino._offline_transformations import apply_moc_transformations

        # These two steps are openvino.convert_model, which would also report its use to Google Analytics.
        model = _read(source)
        apply_moc_transformations(model, False)
        model = take_bytes(model)
        _settle_names(model)
        openvino.save_model(model, str(out / f"{name}.xml"), compress_to_fp16=False)
        return f"{name}.xml", f"{name}.bin"

    def inspect(self, folder: Path, files: tuple[str, ...], table: QuantizationTable | None) -> Inspection:
        """Operators and precisions of the *compiled* model: what this CPU runs, after all fusions."""
        model = _read(folder / files[0])
        operators: Counter[str] = Counter()
        int8: list[str] = []
        floating: list[str] = []
        for node in _compile(model, RunOptions()).get_runtime_model().get_ordered_ops():
            info = node.get_rt_info()
            kind, precision = _text(info, "layerType"), _text(info, "runtimePrecision")
            operators[kind] += 1
            name = _text(info, "originalLayersNames").split(",")[0]
            if kind in _HEAVY and BORDER not in name:
                (int8 if precision in _INT8 else floating).append(name)
        compared, differences = compare_scales(_scales(model), table) if table else (0, ())
        return Inspection(
            operators=dict(sorted(operators.items())), int8_layers=len(int8), float_layers=len(floating),
            float_islands=tuple(floating) if int8 else (), scales_compared=compared, scale_differences=differences,
        )  # fmt: skip

    def load(self, folder: Path, files: tuple[str, ...], options: RunOptions, size: Size | None = None) -> Session:
        return self.load_batch(folder, files, options, size, 1)

    def load_batch(
        self, folder: Path, files: tuple[str, ...], options: RunOptions, size: Size | None, batch: int
    ) -> Session:
        model = _read(folder / files[0])
        shape = model.input().get_partial_shape()
        _, height, width, _ = (0 if side.is_dynamic else side.get_length() for side in shape)
        wanted = [batch, *(size or (height, width)), 3]
        if 0 not in wanted and (shape.is_dynamic or list(shape.to_shape()) != wanted):
            _reshape(model, wanted, files[0])
        return _OpenVinoSession(_compile(model, options), files[0])


class _OpenVinoSession(Session):
    def __init__(self, compiled: openvino.CompiledModel, name: str) -> None:
        self._compiled = compiled
        self._request = compiled.create_infer_request()
        self._name = name
        self._outputs = tuple(_called(output) for output in compiled.outputs)

    def run(self, x: Batch) -> Answers:
        import numpy as np

        batch, height, width, _ = self._compiled.input().get_shape()
        if x.shape != (batch, 3, height, width) or x.dtype != np.float32:
            takes = [batch, 3, height, width]
            raise BuildError(f"{self._name} takes {takes} float32, not {list(x.shape)} {x.dtype}")
        found = self._request.infer([self._bytes(x)])
        answers: Answers = {}
        for place, name in enumerate(self._outputs):
            if name != OUTPUT:
                answers[name] = np.array(found[place], np.float32)
            else:
                codes = found[place].transpose(0, 3, 1, 2)
                answers[name] = np.ascontiguousarray(codes, np.float32) / np.float32(255)
        return answers

    @staticmethod
    def _bytes(x: Batch) -> NDArray[np.uint8]:
        """What the build takes; exact for a picture of 8-bit codes."""
        import numpy as np

        return np.ascontiguousarray(np.rint(x * np.float32(255)).clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1))

    def prepare(self, x: Batch) -> Callable[[], None]:
        import openvino

        self.run(x)
        self._prepared = openvino.Tensor(self._bytes(x), shared_memory=True)  # the request alone would not keep it
        self._request.set_input_tensor(self._prepared)
        # start and wait: infer() would also build a dictionary of answers
        return lambda: (self._request.start_async(), self._request.wait())[1]


@cache
def _core() -> openvino.Core:
    import openvino

    return openvino.Core()


def _read(path: Path) -> openvino.Model:
    try:
        return _core().read_model(str(path))
    except Exception as error:  # the reader raises RuntimeError and its own kinds
        raise BuildError(f"{path}: OpenVINO can't read it: {one_line(error, kind=False)}") from None


def _compile(model: openvino.Model, options: RunOptions) -> openvino.CompiledModel:
    settings = openvino_settings(options.threads, options.float_precision)
    try:
        return _core().compile_model(model, "CPU", settings)
    except Exception as error:  # the plugin raises RuntimeError and its own kinds
        raise BuildError(f"OpenVINO can't compile the build: {one_line(error, kind=False)}") from None


def _called(output: openvino.Output) -> str:
    return next((name for name in (MAPS, OBJECTS) if name in output.get_names()), OUTPUT)


def _ratio(output: openvino.Output, given: list[int], answered: list[int]) -> int | None:
    return (_parts if _called(output) == MAPS else _times)(given, answered)


def _reshape(model: openvino.Model, shape: list[int], name: str) -> None:
    """Set batch and size of the pictures; refused where the graph has sizes written into it."""
    if OBJECTS in map(_called, model.outputs):
        raise BuildError(f"{name} reads boxes from its maps, for one picture of its own size only")
    before = model.input().get_partial_shape()
    times = [
        1 if before.is_dynamic or (after := output.get_partial_shape()).is_dynamic
        else _ratio(output, list(before.to_shape()), list(after.to_shape()))
        for output in model.outputs
    ]  # fmt: skip
    wanted = f"{shape[1]}x{shape[2]}" + (f" in batches of {shape[0]}" if shape[0] != 1 else "")
    try:
        model.reshape(shape)
        answered = [list(output.get_shape()) for output in model.outputs]
        found = [_ratio(output, shape, answer) for output, answer in zip(model.outputs, answered, strict=True)]
    except Exception as error:  # shape inference raises its own kinds
        raise BuildError(f"{name} can't be set to {wanted}: {one_line(error, kind=False)}") from None
    for now, then, answer in zip(found, times, answered, strict=True):
        if now is None or (then and now != then):
            raise BuildError(f"{name} set to {wanted} answers {answer}: its graph holds a size")


def _times(given: list[int], answered: list[int]) -> int | None:
    """How many times larger an answer (N, H, W, 3) is than a picture."""
    return times_larger(*([shape[0], shape[-1], *shape[1:3]] for shape in (answered, given)))


def _parts(given: list[int], answered: list[int]) -> int | None:
    """How many times smaller maps (N, K, h, w) are than a picture (N, H, W, 3)."""
    return times_smaller(answered, [given[0], given[-1], *given[1:3]])


def _settle_names(model: openvino.Model) -> None:
    """Give nodes that OpenVINO named from a counter of this process a name by their place in the graph.

    Otherwise the same network would give other bytes in a process that had converted something before.
    """
    for index, node in enumerate(model.get_ordered_ops()):
        if _AUTOMATIC_NAME.match(node.get_friendly_name()) and node.get_type_name() not in ("Parameter", "Result"):
            node.set_friendly_name(f"{node.get_type_name()}.{index}")


def _text(info: Any, key: str) -> str:
    if key not in info:
        return ""
    value = info[key]
    return str(getattr(value, "value", value))


def _scales(model: openvino.Model) -> Iterator[FoundScale]:
    """Activations are FakeQuantize nodes that hold a range, weights integers times a constant."""
    import numpy as np

    for node in model.get_ordered_ops():
        name, kind = node.get_friendly_name(), node.get_type_name()
        if kind == "FakeQuantize" and BORDER not in name:
            low, high = (np.asarray(node.input_value(i).get_node().get_data()).reshape(-1) for i in (3, 4))
            levels = int(node.get_attributes()["levels"])
            scale = (high.astype(np.float64) - low) / (levels - 1)
            yield FoundScale(name, scale.astype(np.float32), low=low)
        elif kind == "Multiply" and name.endswith("/DequantizeLinear"):
            parts = [node.input_value(i).get_node() for i in range(2)]
            scale = next(part for part in parts if part.get_type_name() == "Constant").get_data().reshape(-1)
            yield FoundScale(name, scale.astype(np.float32), zero_point=np.zeros(scale.shape, np.int64))
