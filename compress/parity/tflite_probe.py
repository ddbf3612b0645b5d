"""A look inside a TFLite build: LiteRT keeps all tensors of a run.

XNNPACK would keep none of those between its own operators, so the plain kernels run instead: what is seen is the file
as it is written. A convolution that the converter fused with its ReLU has no answer of its own; the quantizer behind
it has. The picture at the end is left out, for it is rounded to bytes.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import BuildError, one_line
from compress.parity.probe import Point, Probe, common_name
from compress.runtimes.interchange import OUTPUT

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.parity.probe import Tensors
    from compress.runtimes.base import Batch

_SEEN = "/seen"
_PICTURE = "/picture"
_PADDING = "PAD"  # called like the convolution that it was put before


class TfliteProbe(Probe):
    """The file by LiteRT's plain kernels; tensors are known by the names that the converter kept."""

    def __init__(self, folder: Path, files: tuple[str, ...]) -> None:
        self._name = files[0]
        self._interpreter = _open(folder / files[0])
        self._tensors = _tensors(self._interpreter)

    def points(self) -> tuple[Point, ...]:
        return tuple(Point(name, name) for name in self._tensors)

    def run(self, x: Batch, names: Collection[str]) -> Tensors:
        from compress.runtimes.tflite import as_taken, quiet

        given = self._interpreter.get_input_details()[0]
        try:
            with quiet():
                self._interpreter.set_tensor(given["index"], as_taken(x, given))
                self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            raise BuildError(f"{self._name}: LiteRT can't run it: {one_line(error, kind=False)}") from None
        return {name: self._value(self._tensors[name]) for name in names}

    def _value(self, item: dict[str, Any]) -> NDArray[np.float32]:
        """The real values, NCHW."""
        import numpy as np

        stored = self._interpreter.get_tensor(item["index"])
        found = item["quantization_parameters"]
        if found["scales"].size:
            shape = [1] * stored.ndim
            if found["scales"].size > 1:
                shape[found["quantized_dimension"]] = -1
            zero, scale = (found[part].reshape(shape) for part in ("zero_points", "scales"))
            stored = (stored.astype(np.float32) - zero.astype(np.float32)) * scale
        value: NDArray[np.float32] = np.asarray(stored, np.float32)
        return value.transpose(0, 3, 1, 2).copy() if value.ndim == 4 else value.copy()


def _open(path: Path) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from compress.runtimes.tflite import quiet

    try:
        with quiet():
            interpreter = Interpreter(
                model_path=str(path), num_threads=2, experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )  # fmt: skip
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise BuildError(f"{path}: not a whole TFLite file: {one_line(error, kind=False)}") from None
    return interpreter


def _tensors(interpreter: Any) -> dict[str, dict[str, Any]]:
    """Tensors by common name: stored codes of weights, then answers in order of computation.

    Of operators that one was split into, all are called like it: the last one gives its answer.
    """
    details = {item["index"]: item for item in interpreter.get_tensor_details()}
    made = [(one["op_name"], details[int(one["outputs"][0])]) for one in interpreter._get_ops_details()]
    answers = {item["index"] for _, item in made}
    weights = [item for item in details.values() if item["index"] not in answers and _is_weight(item)]
    found: dict[str, dict[str, Any]] = {}
    for item in (*weights, *(item for kind, item in made if kind != _PADDING)):
        name = _common(item["name"])
        if name is not None:
            found.pop(name, None)
            found[name] = item
    return found


def _is_weight(item: dict[str, Any]) -> bool:
    return bool(item["name"].split(";")[0].endswith("/DequantizeLinear"))


def _common(tensor: str) -> str | None:
    name = tensor.split(";")[0].removesuffix(_SEEN)
    if name.endswith(_PICTURE) or name == OUTPUT:
        return None
    if name.endswith("/QuantizeLinear"):  # codes, called like the quantizer that made them
        name = name.removesuffix("/QuantizeLinear") + "/DequantizeLinear"
    return common_name(name)
