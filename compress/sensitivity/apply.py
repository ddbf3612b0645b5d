"""A Quantized artefact without the quantizers of layers that are left float."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path

from compress.sensitivity.layers import PREFIX, Layer


def dropped_quantizers(layers: Collection[Layer], floats: Collection[str]) -> frozenset[str]:
    """Quantizer modules that no layer needs once those named ``floats`` are float."""
    kept = {name for layer in layers if layer.name not in floats for name in layer.quantizers}
    return frozenset(name for layer in layers for name in layer.quantizers) - kept


def copy_without(folder: Path, quantizers: Collection[str], out: Path) -> None:
    """The networks of ``folder`` in ``out``; the trained one lacks ``quantizers``, whatever else it holds stays."""
    from safetensors.torch import load_file, save_file

    for name in ("net.safetensors", "ptq.safetensors", "ptq.json"):
        shutil.copyfile(folder / name, out / name)
    config = json.loads((folder / "qat.json").read_text())
    hooks = {name.removeprefix(PREFIX) for name in quantizers}
    kept = []
    for command in config["compression_state"]:
        places = [place for place in command["hook_names_in_model"] if place not in hooks]
        if places:
            kept.append({**command, "hook_names_in_model": places})
    (out / "qat.json").write_text(json.dumps({**config, "compression_state": kept}, sort_keys=True) + "\n")
    state = load_file(folder / "qat.safetensors")
    gone = tuple(f"{name}." for name in quantizers)
    save_file({name: value for name, value in state.items() if not name.startswith(gone)}, out / "qat.safetensors")
