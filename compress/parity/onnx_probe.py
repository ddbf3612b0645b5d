"""A look inside an ONNX build: inner tensors become outputs of the graph that ONNX Runtime runs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import BuildError, one_line
from compress.parity.probe import Point, Probe, common_name
from compress.runtimes.interchange import INPUT, constant_tensors

if TYPE_CHECKING:
    from compress.parity.probe import Tensors
    from compress.runtimes.base import Batch

_THREADS = 2


class OnnxProbe(Probe):
    """The build as ONNX Runtime optimizes it, or with ``as_written`` operator by operator."""

    def __init__(self, folder: Path, files: tuple[str, ...], as_written: bool = False) -> None:
        import onnx

        self._path = folder / files[0]
        self._as_written = as_written
        try:
            self._model = onnx.load(str(self._path))
        except Exception as error:  # OSError, or protobuf's own kind, which has no stubs
            raise BuildError(f"{self._path}: not a whole ONNX file: {one_line(error, kind=False)}") from None
        constants = constant_tensors(self._model)
        self.tensors: dict[str, str] = {}
        for node in self._model.graph.node:
            name = common_name(node.output[0])
            if name is not None and node.output[0] not in constants:
                self.tensors.setdefault(name, node.output[0])

    def points(self) -> tuple[Point, ...]:
        return tuple(Point(name, name) for name in self.tensors)

    def run(self, x: Batch, names: Collection[str]) -> Tensors:
        import numpy as np
        import onnx
        import onnxruntime

        model = onnx.ModelProto()
        model.CopyFrom(self._model)
        given = {value.name for value in model.graph.output}
        wanted = [self.tensors[name] for name in names]
        model.graph.output.extend(onnx.ValueInfoProto(name=tensor) for tensor in wanted if tensor not in given)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = _THREADS, 1
        options.log_severity_level = 3
        if self._as_written:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        try:
            session = onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            answers = session.run(wanted, {INPUT: x})
        except Exception as error:  # ONNX Runtime's errors share no base class
            raise BuildError(f"{self._path.name}: ONNX Runtime can't run it: {one_line(error, kind=False)}") from None
        return {name: np.asarray(answer, np.float32) for name, answer in zip(names, answers, strict=True)}
