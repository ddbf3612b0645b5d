"""Opening what ``compress inspect`` is given, as a run would open it; what can't be trusted is refused by name."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from compress.errors import WeightsError
from compress.foreign.kinds import Kind, kind_of
from compress.models import NETWORKS

if TYPE_CHECKING:
    from torch import nn

    from compress.schema import SourceSpec

_OURS = ".safetensors"


@dataclass(frozen=True)
class Opened:
    """A network that takes (1, 3, H, W) float32. ``file``: the ONNX file that it is, as it was looked through;
    ``size``: the only height and width that it takes."""

    net: nn.Module
    kind: Kind | Literal["ours"]
    file: Path | None
    size: tuple[int, int] | None

    @property
    def modules(self) -> bool:
        """Whether it has modules that its author named and that can be listened to."""
        return self.kind in ("module", "ours")


@contextmanager
def opened(source: SourceSpec) -> Iterator[Opened]:
    """What ``source`` names, or of ``source.network`` a .safetensors file of ours, ``builtin:NAME``, or an untrained
    network by its registered NAME or NAME:VARIANT.

    Raises WeightsError, and NetworkRefused before anything is loaded, in the words of ``foreign.taken.take_in``.
    """
    network = source.network or ""
    if is_ours(network):
        if source.weights or source.entry or source.prefix:
            raise WeightsError(f"{network}: holds its own weights; --weights, --entry and --prefix are of a callable")
        yield Opened(_own(network), "ours", None, None)
        return
    from compress.foreign.taken import open_bare

    kind = kind_of(network)
    if kind != "module" and (source.weights or source.entry or source.prefix):
        raise WeightsError(f"{network}: holds its own weights; --weights, --entry and --prefix are of a callable")
    with tempfile.TemporaryDirectory() as text:
        net = open_bare(source, Path(text))
        file = Path(text) / "network.onnx" if kind == "onnx" else None
        yield Opened(net, kind, file, getattr(net, "size", None) if kind != "module" else None)


def _own(network: str) -> nn.Module:
    from compress.models import build_net
    from compress.models.weights import load_net, resolve_weights

    settings = settings_of(network)
    if settings is None:
        return load_net(resolve_weights(network))
    return build_net(network.partition(":")[0], settings).eval()


def settings_of(network: str) -> Mapping[str, int] | None:
    """Of a registered NAME or NAME:VARIANT; none for all else."""
    name, _, variant = network.partition(":")
    known = NETWORKS.get(name)
    return None if known is None else known.variants.get(variant) if variant else known.defaults


def is_ours(network: str) -> bool:
    """Whether it is a network of this package: by name, or a .safetensors file that says which one it is."""
    from compress.models.weights import BUILTIN, read_metadata

    if network.startswith(BUILTIN) or settings_of(network) is not None:
        return True
    path = Path(network).expanduser()
    return path.suffix == _OURS and path.is_file() and "network" in read_metadata(path)
