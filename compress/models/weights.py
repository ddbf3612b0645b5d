"""Network files: safetensors only, self-describing, checked before anything is built from them."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import FOREIGN, NET
from compress.config.names import did_you_mean
from compress.errors import WeightsError
from compress.models import NETWORK_NAMES, build_net, network_class

if TYPE_CHECKING:
    import torch
    from torch import nn

BUILTIN = "builtin:"
_METADATA = "compress"
TRAINED_BY = "trained_by"
"""Metadata key: in words for reports, what a network was trained by, where that was no pairs."""
PRUNED = "pruned"
"""Metadata key, "yes" where channel counts differ from what the settings alone would give."""


def resolve_weights(text: str) -> Path:
    """The file that ``text`` means: ``builtin:NAME`` is shipped with the package, anything else is a path.

    Raises WeightsError if there is no such file.
    """
    if text.startswith(BUILTIN):
        folder = Path(str(resources.files("compress"))) / "weights"
        names = {path.stem: path for path in sorted(folder.glob("*.safetensors"))}
        name = text.removeprefix(BUILTIN)
        if name in names:
            return names[name]
        raise WeightsError(f"no built-in network '{name}'; there are: {', '.join(names) or 'none'}")
    path = Path(text).expanduser()
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; give teacher.weights the path of a .safetensors file")
    return path


def save_net(net: nn.Module, path: Path, card: dict[str, str] | None = None, half: bool = False) -> None:
    """Write ``net`` with its architecture and settings in the metadata; ``half`` stores float16."""
    import torch
    from safetensors.torch import save_file

    kind = torch.float16 if half else torch.float32
    tensors = {name: t.detach().cpu().to(kind).contiguous() for name, t in net.state_dict().items()}
    network = next(name for name in NETWORK_NAMES if isinstance(net, network_class(name)))
    facts = {**(card or {}), "network": network, "settings": json.dumps(net.settings, sort_keys=True)}
    # One entry: safetensors writes several in an order that changes from run to run.
    save_file(tensors, path, metadata={_METADATA: json.dumps(facts, sort_keys=True)})


def keep_net(net: nn.Module, folder: Path, pruned: bool = False) -> None:
    """Write a network of either kind into ``folder``, ours or one from outside; ``pruned``: it has fewer channels.

    Raises BuildError for one from outside that can't be opened again as it is.
    """
    from compress.foreign.adapted import Adapted

    if isinstance(net, Adapted):
        from compress.foreign.kept import keep_changed

        keep_changed(net, folder)
    else:
        save_net(net, folder / NET, {PRUNED: "yes"} if pruned else None)


def copy_net(weights: Path, folder: Path) -> None:
    """The files of the network that ``weights`` opens, into ``folder``."""
    if weights.name == FOREIGN:
        from compress.foreign.kept import copy_taken

        copy_taken(weights, folder)
    else:
        shutil.copyfile(weights, folder / NET)


def weights_size_bytes(weights: Path) -> int:
    """Of the file, or files, that hold the network's weights."""
    if weights.name == FOREIGN:
        from compress.foreign.kept import taken_size_bytes

        return taken_size_bytes(weights)
    return weights.stat().st_size


def read_metadata(path: Path) -> dict[str, str]:
    """The metadata of a safetensors file; reads the header only.

    Raises WeightsError for anything that is not a whole safetensors file, a pickle above all.
    """
    from safetensors import SafetensorError, safe_open

    with path.open("rb") as file:
        start = file.read(16)
    if start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") or start[:4] == b"PK\x03\x04":
        raise WeightsError(
            f"{path}: a pickle or torch archive, which can run code when loaded; convert it to .safetensors first"
        )
    try:
        with safe_open(path, framework="numpy") as opened:
            metadata = dict(opened.metadata() or {})
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a whole safetensors file ({error}); copy or export it again") from None
    try:
        facts = json.loads(metadata[_METADATA]) if _METADATA in metadata else metadata
    except ValueError:
        raise WeightsError(f"{path}: its metadata entry '{_METADATA}' is not JSON; export it again") from None
    return {str(key): str(value) for key, value in facts.items()}


def load_net(path: Path, network: str | None = None) -> nn.Module:
    """The network in a file, float32, in eval mode; of a ``foreign.json`` the adapted network beside it.

    Raises WeightsError: truncated, not safetensors, unknown network, or tensors that don't fit it.
    """
    from safetensors.torch import load_file

    if path.name == FOREIGN:
        from compress.foreign.taken import open_taken

        return open_taken(path)
    metadata = read_metadata(path)
    name = network or metadata.get("network")
    if name is None:
        raise WeightsError(f"{path}: doesn't say which network it is; name it with teacher.network=…")
    if name not in NETWORK_NAMES:
        raise WeightsError(f"{path}: no network '{name}'.{did_you_mean(name, NETWORK_NAMES)}")
    net = build_net(name, json.loads(metadata.get("settings", "{}")))
    tensors = {key: value.float() for key, value in load_file(path).items()}
    if metadata.get(PRUNED) == "yes":
        _narrow(net, tensors)
    problems = misfits(net.state_dict(), tensors)
    if problems:
        raise WeightsError(f"{path}: doesn't fit network '{name}': {'; '.join(problems[:3])}")
    net.load_state_dict(tensors)
    return net.eval()


def _narrow(net: nn.Module, tensors: dict[str, torch.Tensor]) -> None:
    """Give each convolution the channel counts that a pruned file has for it."""
    from torch import nn

    for name, module in net.named_modules():
        weight = tensors.get(f"{name}.weight")
        if isinstance(module, nn.Conv2d) and weight is not None and weight.dim() == 4:
            if module.groups == module.in_channels == module.out_channels:  # depthwise: a group for each that is left
                module.groups = weight.shape[0]
            module.out_channels, module.in_channels = weight.shape[0], weight.shape[1] * module.groups
            module.weight = nn.Parameter(weight.clone())
            if module.bias is not None:
                module.bias = nn.Parameter(weight.new_zeros(weight.shape[0]))


def misfits(wanted: dict[str, torch.Tensor], given: dict[str, torch.Tensor]) -> list[str]:
    """What keeps ``given`` from being loaded where ``wanted`` is, a line each."""
    missing = [f"'{key}' is missing" for key in wanted if key not in given]
    extra = [f"'{key}' is unknown" for key in given if key not in wanted]
    shapes = [
        f"'{key}' is {tuple(given[key].shape)}, not {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in given and given[key].shape != value.shape
    ]
    return missing + extra + shapes
