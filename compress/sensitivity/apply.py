"""A Quantized artefact in which layers are wider than int8."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.artefacts import net_file
from compress.models.weights import copy_net
from compress.sensitivity.layers import PREFIX

if TYPE_CHECKING:
    from torch import Tensor

    from compress.models.quantized import Which

_WIDE = {
    "num_bits": 16, "mode": "symmetric", "signedness_to_force": True, "narrow_range": False, "half_range": False,
}  # fmt: skip


def copy_with(folder: Path, bits: Mapping[str, int], out: Path) -> None:
    """The networks of ``folder`` in ``out``; in the trained one quantizers have ``bits`` (16, or 0: left out).

    A quantizer that ``bits`` does not name, or names with 8, stays byte for byte.
    """
    copy_net(net_file(folder), out)
    for name in ("ptq.safetensors", "ptq.json"):
        if (folder / name).is_file():  # not where nothing was trained
            shutil.copyfile(folder / name, out / name)
    _rewrite(folder, "qat", bits, out)


def widen(folder: Path, which: Which, prefixes: tuple[str, ...]) -> None:
    """In place: the fake-quant network ``which`` of ``folder`` with 16-bit inputs for the layers below ``prefixes``.

    These are names of modules, as ``keep_float`` has them. Without any, nothing is done.

    Raises BuildError for a network without quantizers.
    """
    from compress.foreign.adapted import own_names
    from compress.models.quantized import load_fake_quant
    from compress.sensitivity.layers import quantized_layers, quantizer_bits

    if not prefixes:
        return
    net = load_fake_quant(folder, which)
    own = own_names(net, prefixes)
    layers = quantized_layers(net)
    wide = [each.name for each in layers if any(each.name == name or each.name.startswith(f"{name}.") for name in own)]
    _rewrite(folder, which, quantizer_bits(layers, dict.fromkeys(wide, "int16")), folder)


def _rewrite(folder: Path, which: Which, bits: Mapping[str, int], out: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    from compress.models.quantized import PINNED

    config = json.loads((folder / f"{which}.json").read_text())
    hooks = {name.removeprefix(PREFIX): count for name, count in bits.items()}
    for command in config["compression_state"]:  # one quantizer, by whichever of its places it was named
        places = command["hook_names_in_model"]
        hooks |= dict.fromkeys(places, next((hooks[place] for place in places if place in hooks), 8))
    commands = [made for command in config["compression_state"] for made in _commands(command, hooks)]
    (out / f"{which}.json").write_text(json.dumps({**config, "compression_state": commands}, sort_keys=True) + "\n")
    state = load_file(folder / f"{which}.safetensors")
    for place, count in hooks.items():
        name = PREFIX + place
        if count != 8:
            own = {key: state.pop(key) for key in list(state) if key.startswith(f"{name}.")}
            state |= _wide_state(name, own) if count == 16 else {}
    with safe_open(folder / f"{which}.safetensors", framework="numpy") as opened:
        pinned = json.loads((opened.metadata() or {}).get(PINNED, "[]"))
    changed = tuple(f"{PREFIX}{place}." for place, count in hooks.items() if count != 8)
    kept = [name for name in pinned if not name.startswith(changed)]
    save_file(state, out / f"{which}.safetensors", metadata={PINNED: json.dumps(kept)})


def _commands(command: dict[str, Any], hooks: Mapping[str, int]) -> Iterator[dict[str, Any]]:
    """NNCF's entry for a quantizer, split by how many bits it has at each of its places."""
    places = command["hook_names_in_model"]
    eight = [place for place in places if hooks.get(place, 8) == 8]
    sixteen = [place for place in places if hooks.get(place, 8) == 16]
    if eight:
        yield {**command, "hook_names_in_model": eight}
    if sixteen:
        config = {**command["module_config"], **_WIDE}
        yield {
            **command, "hook_names_in_model": sixteen, "module_cls_name": "SymmetricQuantizer", "module_config": config
        }  # fmt: skip


def _wide_state(name: str, own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A quantizer's parameters as NNCF's symmetric one of 16 bits has them, reaching as far as it was trained to."""
    import torch

    scale = own.get(f"{name}.scale")
    if scale is None:
        low = own[f"{name}.input_low"]
        scale = torch.maximum(low.abs(), (low + own[f"{name}.input_range"]).abs())
    bits = own[f"{name}._num_bits"]
    return {
        f"{name}.scale": scale, f"{name}._num_bits": torch.full_like(bits, 16),
        f"{name}.signed_tensor": torch.ones_like(bits), f"{name}.enabled": own[f"{name}.enabled"],
    }  # fmt: skip
