"""What kind of network a name in a recipe means. By its form alone: nothing is opened here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from compress.errors import WeightsError

Kind = Literal["module", "onnx", "pt2", "torchscript"]
_ENDINGS: dict[str, Kind] = {
    ".onnx": "onnx", ".pt2": "pt2", ".pt": "torchscript", ".pth": "torchscript", ".ts": "torchscript",
    ".jit": "torchscript", ".torchscript": "torchscript",
}  # fmt: skip
_CALLABLE = re.compile(r"(?P<module>.+):(?P<name>[^\W\d]\w*(\.[^\W\d]\w*)*)\Z")
FORMS = "module:callable, FILE.py:callable, or a .onnx, .pt2 or TorchScript .pt file"


def kind_of(network: str) -> Kind:
    """Raises WeightsError for a name of no known form."""
    if _CALLABLE.match(network):
        return "module"
    ending = Path(network).suffix.lower()
    if ending in _ENDINGS:
        return _ENDINGS[ending]
    if ending in (".safetensors", ".bin", ".ckpt") or Path(network).is_dir():
        raise WeightsError(
            f"{network}: weights without the network; give source.network=FILE.py:callable and this as source.weights"
        )
    raise WeightsError(f"{network}: no network that can be opened; give {FORMS}")


def split_callable(network: str) -> tuple[str, str]:
    """``nets/curve.py:Curve`` to its file or dotted module, and the name in it. Raises WeightsError."""
    found = _CALLABLE.match(network)
    if found is None:
        raise WeightsError(f"{network}: should be module:callable or FILE.py:callable")
    return found["module"], found["name"]
