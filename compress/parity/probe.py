"""Looking inside a network: named tensors in the order in which they are computed, the same names for all runtimes.

Names come from the torch exporter, which every build starts from: ``repair/middle1/Conv`` is the answer of the
convolution ``repair.middle1``, ``repair/relu/0__0`` what the quantizer there gives (NNCF's name: operation and port).
A new runtime joins with one class and one line in ``PROBES``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import BuildError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.runtimes.base import Batch

    Tensors = dict[str, NDArray[np.float32]]

PROBES = {
    "onnx": "compress.parity.onnx_probe:OnnxProbe",
    "openvino": "compress.parity.openvino_probe:OpenVinoProbe",
    "rknn": "compress.parity.rknn_probe:RknnProbe",
    "tflite": "compress.parity.tflite_probe:TfliteProbe",
}

_ROOT = "/net/"  # the exporter's name for the network inside interchange.OneInput
_OUTPUT = re.compile(r"_output_0$")
_QUANTIZER = re.compile(r"^(?P<place>.*__\d+)\.\d+/DequantizeLinear$")
_NOT_FLOAT = re.compile(r"/QuantizeLinear$")


@dataclass(frozen=True)
class Point:
    """A tensor that can be looked at: its ``name`` in all builds, and how to call it to a person."""

    name: str
    label: str


class Probe(ABC):
    """One network whose inner tensors can be read. Raises BuildError for a build that can't be opened or run."""

    activation_limit_db = 45.0
    """Signal over difference of a tensor that counts as equal. Sound builds measure 125 dB and more where no value
    ends on the other side of a rounding edge, 50 to 75 dB behind layers that ONNX Runtime fuses and rounds anew."""

    @abstractmethod
    def points(self) -> tuple[Point, ...]:
        """What can be read, in an order in which every tensor comes after those that it is computed from."""

    @abstractmethod
    def run(self, x: Batch, names: Collection[str]) -> Tensors:
        """The tensors called ``names`` (each one of ``points``) for ``x`` (1, 3, H, W) in [0, 1] of 8-bit codes.

        Nothing but ``names`` is exposed, so that the SDK may fuse all the rest as it does in the build.
        Pictures and feature maps are NCHW, weights as torch has them; the real values, dequantized.
        """


def open_probe(runtime: str, folder: Path, files: tuple[str, ...]) -> Probe:
    """A look inside a build of ``runtime``. Raises BuildError where no probe for it is known, or it can't be opened."""
    if runtime not in PROBES:
        raise BuildError(f"no way to look inside a {runtime} build yet; its layers can't be compared one by one")
    module, cls = PROBES[runtime].split(":")
    made: Any = getattr(import_module(module), cls)(folder, files)
    assert isinstance(made, Probe)
    return made


def common_name(tensor: str) -> str | None:
    """The name of a tensor of the exported graph in all builds, or None for one that is no real number.

    ``/net/repair/middle1/Conv_output_0`` is ``repair/middle1/Conv``. Of a quantizer the exporter repeats the module:
    ``/net/repair/middle1/repair/middle1/conv2d/0__1.0/DequantizeLinear_output_0`` is ``repair/middle1/conv2d/0__1``.
    """
    name = _OUTPUT.sub("", tensor).removeprefix(_ROOT)
    if _NOT_FLOAT.search(name):
        return None
    quantizer = _QUANTIZER.match(name)
    return _without_repeated_module(quantizer["place"]) if quantizer else name


def _without_repeated_module(place: str) -> str:
    parts = place.lstrip("/").split("/")
    for length in range(len(parts) // 2, 0, -1):
        if parts[:length] == parts[length : 2 * length]:
            return "/".join(parts[length:])
    return "/".join(parts)
