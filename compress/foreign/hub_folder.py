"""A folder as a model hub keeps it: ``model.safetensors`` and the arguments of the class in ``config.json``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compress.errors import NetworkRefused, WeightsError

_WEIGHTS = ("model.safetensors", "diffusion_pytorch_model.safetensors")
_ABOUT = {"architectures", "model_type", "torch_dtype", "dtype", "transformers_version"}
_LIMIT_BYTES = 1 << 20


def weights_in(folder: Path) -> Path:
    """The weights file of a hub folder. Raises WeightsError where there is none that is one .safetensors file."""
    found = [folder / name for name in _WEIGHTS if (folder / name).is_file()]
    if found:
        return found[0]
    if list(folder.glob("*.safetensors.index.json")):
        raise WeightsError(f"{folder}: weights in several files; join them into model.safetensors")
    raise WeightsError(f"{folder}: no {' or '.join(_WEIGHTS)}; pickles in a folder are not looked for")


def arguments_in(folder: Path) -> dict[str, Any]:
    """What ``config.json`` says that the class is called with; nothing without such a file.

    Raises NetworkRefused for a folder that wants its own code run, WeightsError for what is no JSON object.
    """
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        if path.stat().st_size > _LIMIT_BYTES:
            raise ValueError
        said = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError):
        raise WeightsError(f"{path}: should be a JSON object of less than 1 MiB") from None
    if not isinstance(said, dict):
        raise WeightsError(f"{path}: should be a JSON object of less than 1 MiB")
    if "auto_map" in said:
        raise NetworkRefused(
            f"{path}: auto_map wants code of the folder run; name it as source.network, and take it out"
        )
    return {name: value for name, value in said.items() if name not in _ABOUT and not name.startswith("_")}
