"""A look inside an OpenVINO build: inner tensors become results of the model that is compiled."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import BuildError, one_line
from compress.parity.probe import Point, Probe, common_name
from compress.runtimes.interchange import OUTPUT

if TYPE_CHECKING:
    import openvino

    from compress.parity.probe import Tensors
    from compress.runtimes.base import Batch

_SETTINGS = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 2, "INFERENCE_PRECISION_HINT": "f32"}


class OpenVinoProbe(Probe):
    """The IR on the CPU plugin. OpenVINO keeps the tensor names of the ONNX file it was made from."""

    def __init__(self, folder: Path, files: tuple[str, ...]) -> None:
        self._path = folder / files[0]
        self._names = tuple(_tensors(self._read()))

    def points(self) -> tuple[Point, ...]:
        return tuple(Point(name, name) for name in self._names)

    def run(self, x: Batch, names: Collection[str]) -> Tensors:
        import numpy as np
        import openvino

        model = self._read()
        tensors = _tensors(model)
        wanted = list(names)
        for name in wanted:
            model.add_outputs([tensors[name]])
        codes = np.rint(x * np.float32(255)).astype(np.uint8).transpose(0, 2, 3, 1)
        try:
            compiled = openvino.Core().compile_model(model, "CPU", _SETTINGS)
            answers = compiled(np.ascontiguousarray(codes))
        except Exception as error:  # the plugin raises RuntimeError and its own kinds
            raise BuildError(f"{self._path.name}: OpenVINO can't run it: {one_line(error, kind=False)}") from None
        places = len(compiled.outputs) - len(wanted)  # new results come behind the model's own
        return {name: np.array(answers[places + i], np.float32) for i, name in enumerate(wanted)}

    def _read(self) -> openvino.Model:
        import openvino

        try:
            return openvino.Core().read_model(str(self._path))
        except Exception as error:  # the reader raises RuntimeError and its own kinds
            raise BuildError(f"{self._path}: OpenVINO can't read it: {one_line(error, kind=False)}") from None


def _tensors(model: openvino.Model) -> dict[str, openvino.Output]:
    """Outputs of operators by common name, in order of computation.

    The bytes at the border are left out: ``bright`` is the float picture that is rounded to them.
    """
    found: dict[str, openvino.Output] = {}
    for node in model.get_ordered_ops():
        if node.get_type_name() in ("Constant", "Parameter", "Result", "Convert", "Transpose"):
            continue
        output = node.output(0)
        names = [OUTPUT] if node.get_friendly_name() == OUTPUT else sorted(output.get_names())
        for tensor in names:
            name = common_name(tensor)
            if name is not None:
                found.setdefault(name, output)
    return found
