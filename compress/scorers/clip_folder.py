"""The folder that CLIP is opened from: what must lie in it, and the digests of that. Needs no torch."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from compress.errors import WeightsError

INSTALL = "pip install 'compress[clip]'"
FILES = ("config.json", "model.safetensors")


def folder_problem(folder: str | None) -> str | None:
    """Why ``folder`` can't be CLIP's on this machine, None where it may be. Opens nothing."""
    if folder is None:
        return "missing; name a folder with config.json and model.safetensors of a CLIPModel"
    missing = [name for name in FILES if not (Path(folder).expanduser() / name).is_file()]
    if missing:
        return f"no {' and no '.join(missing)} in '{folder}'; give a folder that CLIPModel.save_pretrained wrote"
    return None if find_spec("transformers") is not None else f"CLIP needs transformers ({INSTALL})"


def folder_digests(folder: str | None) -> dict[str, str]:
    """SHA-256 of each file that is read of the folder. Raises WeightsError where it can't be used."""
    from compress.store.digests import file_digest

    problem = folder_problem(folder)
    if folder is None or problem:
        raise WeightsError(f"unpaired.scorer.weights: {problem}")
    return {name: file_digest(Path(folder).expanduser() / name) for name in FILES}
