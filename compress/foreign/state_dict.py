"""Weights without a network: a .safetensors file, or a state dict that torch.save wrote."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import NetworkRefused, WeightsError, one_line
from compress.foreign.archive import ZIP, opened
from compress.foreign.pickles import check_archived, check_old

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 8


def read_state_dict(path: Path, entry: str | None, prefix: str) -> dict[str, Tensor]:
    """Tensors by name, on the CPU: floats as float32, ``prefix`` off their names.

    ``entry``: the key under which a checkpoint keeps them. The file is looked through before torch sees it.
    Raises NetworkRefused for a pickle with code or a claim beyond the file; WeightsError for all else.
    """
    held = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else _read_saved(path)
    found = _entry(held, entry, path)
    strangers = sorted(name for name in found if not name.startswith(prefix))
    if strangers:
        raise WeightsError(f"{path}: '{strangers[0]}' does not begin with source.prefix '{prefix}'")
    size_bytes = path.stat().st_size
    for name, value in found.items():
        if value.numel() * value.element_size() > size_bytes:
            shape = "x".join(map(str, value.shape))
            raise NetworkRefused(f"{path}: '{name}' claims to be {shape}, the file has {size_bytes:,} bytes")
    tensors = {name.removeprefix(prefix): value.detach() for name, value in found.items()}
    return {n: (v.float() if v.is_floating_point() else v).clone().contiguous() for n, v in tensors.items()}


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with path.open("rb") as file:
        claimed = int.from_bytes(file.read(8), "little") + 8
    if claimed > path.stat().st_size:
        raise NetworkRefused(f"{path}: its header claims {claimed:,} bytes, the file has {path.stat().st_size:,}")
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a whole safetensors file ({error}); copy or export it again") from None


def _read_saved(path: Path) -> Any:
    import torch

    check_saved(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds, with many lines
        raise WeightsError(f"{path}: torch can't read it ({one_line(error)}); save the state dict again") from None


def check_saved(path: Path) -> None:
    """Look through what torch.save wrote. Raises NetworkRefused, WeightsError."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        if file.read(4) != ZIP:
            file.seek(0)
            check_old(file, str(path), size_bytes)
            return
    with opened(path, str(path), size_bytes) as archive:
        entries = {entry.filename: entry.file_size for entry in archive.infolist()}
        top = next(iter(entries)).partition("/")[0]
        if f"{top}/constants.pkl" in entries:
            raise WeightsError(f"{path}: a TorchScript archive, not weights; give it as source.network")
        if f"{top}/data.pkl" not in entries:
            raise WeightsError(f"{path}: an archive without data.pkl; save the state dict with torch.save")
        folder = f"{top}/data/"
        records = {name.removeprefix(folder): size for name, size in entries.items() if name.startswith(folder)}
        for name in entries:
            if name.endswith(".pkl"):
                with archive.open(name) as stream:
                    check_archived(stream, f"{path}: {name}", records)


def _entry(held: Any, entry: str | None, path: Path) -> dict[str, Tensor]:
    import torch

    if entry is not None:
        if not isinstance(held, dict) or entry not in held:
            raise WeightsError(f"{path}: no entry '{entry}'; there are: {_names(held)}")
        held = held[entry]
    if not isinstance(held, dict) or not held:
        raise WeightsError(f"{path}: holds {type(held).__name__}, no state dict; save net.state_dict()")
    if not all(isinstance(name, str) and isinstance(value, torch.Tensor) for name, value in held.items()):
        raise WeightsError(f"{path}: more than a state dict; set source.entry to the one that is: {_names(held)}")
    return held


def _names(held: Any) -> str:
    names = [str(name) for name in held] if isinstance(held, dict) else []
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "") or "none"
