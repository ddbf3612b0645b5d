"""ONNX files, run by ONNX Runtime on the CPU."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.detection.in_graph import OBJECTS
from compress.devices.runner.sessions import onnx_options
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
)
from compress.runtimes.interchange import INPUT, MAPS, constant_tensors, ratio
from compress.runtimes.scales import FoundScale, compare_scales

if TYPE_CHECKING:
    import onnx
    import onnxruntime

    from compress.runtimes.base import Answers, Batch

_HEAVY = ("Conv", "FusedConv", "NhwcFusedConv", "ConvTranspose", "MatMul", "FusedMatMul", "Gemm", "FusedGemm")
_HEAVY_INT8 = ("QLinearConv", "ConvInteger", "QLinearMatMul", "MatMulInteger", "QGemm")


class OnnxRuntime(Runtime):
    """The ONNX file itself is the build."""

    name = "onnx"
    carries_int16 = True
    enlarges = True
    reads_boxes = True

    def border(self, tensor: str, height: int, width: int, options: BuildOptions = PLAIN) -> TensorSpec:
        return TensorSpec(name=tensor, shape=(1, 3, height, width), layout="NCHW", dtype="float32", low=0.0, high=1.0)

    def ports(self, folder: Path, files: tuple[str, ...]) -> Ports:
        return file_ports(folder / files[0])

    def build(self, source: Path, name: str, out: Path, options: BuildOptions = PLAIN) -> tuple[str, ...]:
        shutil.copyfile(source, out / f"{name}.onnx")
        return (f"{name}.onnx",)

    def inspect(self, folder: Path, files: tuple[str, ...], table: QuantizationTable | None) -> Inspection:
        """Operators of the file; which layers run in int8 is read from the graph that ONNX Runtime makes of it."""
        path = folder / files[0]
        model = read_file(path)
        running = _optimized(path)
        int8 = [node.name for node in running if node.op_type in _HEAVY_INT8]
        floating = [node.name for node in running if node.op_type in _HEAVY]
        compared, differences = compare_scales(file_scales(model), table) if table else (0, ())
        return Inspection(
            operators=dict(sorted(Counter(node.op_type for node in model.graph.node).items())),
            int8_layers=len(int8), float_layers=len(floating), float_islands=tuple(floating) if int8 else (),
            scales_compared=compared, scale_differences=differences,
        )  # fmt: skip

    def load(self, folder: Path, files: tuple[str, ...], options: RunOptions, size: Size | None = None) -> Session:
        """A file of another fixed size is run with its size rewritten; the file itself stays as it is."""
        return self.load_batch(folder, files, options, size, 1)

    def load_batch(
        self, folder: Path, files: tuple[str, ...], options: RunOptions, size: Size | None, batch: int
    ) -> Session:
        """So it is for another batch."""
        if options.float_precision != "f32":
            raise BuildError(f"ONNX Runtime computes floats in f32 here, not {options.float_precision}")
        path = folder / files[0]
        session = _open(path, options.threads)
        shape = session.get_inputs()[0].shape
        other_size = size is not None and isinstance(shape[2], int) and tuple(shape[2:]) != size
        if other_size or (isinstance(shape[0], int) and shape[0] != batch):
            if OBJECTS in (value.name for value in session.get_outputs()):
                raise BuildError(f"{files[0]} reads boxes from its maps, for one picture of {shape[2]}x{shape[3]} only")
            session = _open(path, options.threads, resized=_resized(read_file(path), size, batch))
        return _OnnxSession(session, files[0])


class _OnnxSession(Session):
    def __init__(self, session: onnxruntime.InferenceSession, name: str) -> None:
        self._session = session
        self._name = name
        self._outputs = tuple(value.name for value in session.get_outputs())

    def run(self, x: Batch) -> Answers:
        try:
            found = self._session.run(list(self._outputs), {INPUT: x})
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise BuildError(
                f"{self._name} does not take {list(x.shape)} {x.dtype}: {one_line(error, kind=False)}"
            ) from None
        answers: Answers = dict(zip(self._outputs, found, strict=True))
        for name, answer in answers.items():
            if ratio(name, answer.shape, x.shape) is None:
                raise BuildError(
                    f"{self._name} answers {list(answer.shape)} to {list(x.shape)}: its graph holds a size"
                )
        return answers

    def prepare(self, x: Batch) -> Callable[[], None]:
        import numpy as np
        import onnxruntime

        binding = self._session.io_binding()
        binding.bind_ortvalue_input(INPUT, onnxruntime.OrtValue.ortvalue_from_numpy(x))
        for name, answer in self.run(x).items():
            room = onnxruntime.OrtValue.ortvalue_from_numpy(np.empty_like(answer))
            binding.bind_ortvalue_output(name, room)
        return lambda: self._session.run_with_iobinding(binding)


def _resized(model: onnx.ModelProto, size: Size | None, batch: int) -> bytes:
    given = model.graph.input[0].type.tensor_type.shape.dim
    before = [dim.dim_value for dim in given]
    _set_sides(given, batch, size)
    for value in model.graph.output:
        dims = value.type.tensor_type.shape.dim
        found = (ratio(value.name, [dim.dim_value for dim in dims], before) or 1) if size else 1
        times, parts = (1, found) if value.name == MAPS else (found, 1)
        _set_sides(dims, batch, size and (times * size[0] // parts, times * size[1] // parts))
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def _set_sides(dims: Any, batch: int, size: Size | None) -> None:
    dims[0].dim_value = batch
    for dim, side in zip(dims[2:], size or (), strict=size is not None):
        dim.dim_value = side


def _open(path: Path, threads: int, *, optimized: Path | None = None, resized: bytes | None = None) -> Any:
    import onnxruntime

    options = onnx_options(threads)
    if optimized is not None:
        options.optimized_model_filepath = str(optimized)
    try:
        return onnxruntime.InferenceSession(resized or str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors share no base class
        raise BuildError(f"{path.name}: ONNX Runtime can't load it: {one_line(error, kind=False)}") from None


def read_file(path: Path) -> onnx.ModelProto:
    """The model in ``path``. Raises BuildError when it is not a whole ONNX file."""
    import onnx

    try:
        return onnx.load(str(path))
    except Exception as error:  # OSError, or protobuf's own kind, which has no stubs
        raise BuildError(f"{path}: not a whole ONNX file: {one_line(error, kind=False)}") from None


def _optimized(path: Path) -> list[onnx.NodeProto]:
    """The nodes that ONNX Runtime would run on this CPU."""
    import tempfile

    import onnx

    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "optimized.onnx"
        _open(path, 1, optimized=target)
        return list(onnx.load(str(target)).graph.node)


def file_ports(path: Path) -> Ports:
    """Inputs and outputs that an ONNX file declares. Raises BuildError for a file that can't be read."""
    from onnx.helper import tensor_dtype_to_np_dtype

    graph = read_file(path).graph
    constants = {tensor.name for tensor in graph.initializer}

    def port(value: onnx.ValueInfoProto) -> Port:
        kind = value.type.tensor_type
        shape = tuple(dim.dim_value if dim.HasField("dim_value") else 0 for dim in kind.shape.dim)
        return Port(frozenset({value.name}), shape, str(tensor_dtype_to_np_dtype(kind.elem_type)))

    return [port(v) for v in graph.input if v.name not in constants], [port(v) for v in graph.output]


def file_scales(model: onnx.ModelProto) -> Iterator[FoundScale]:
    """Scale and zero-point of every DequantizeLinear; activations and stored weights both have one."""
    import numpy as np
    from onnx import numpy_helper

    constants = constant_tensors(model)
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear":
            scale, zero = (numpy_helper.to_array(constants[name]).reshape(-1) for name in node.input[1:3])
            yield FoundScale(node.name, scale.astype(np.float32), zero_point=zero.astype(np.int64))
