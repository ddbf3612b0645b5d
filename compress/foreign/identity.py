"""Which files a network is made of, and the digest of each: what it is, wherever it lies."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import WeightsError
from compress.foreign.code import is_file, module_digest, source_files
from compress.foreign.hub_folder import weights_in
from compress.foreign.kinds import kind_of, split_callable
from compress.foreign.onnx_file import check_onnx

if TYPE_CHECKING:
    from compress.schema import SourceSpec


def network_files(source: SourceSpec) -> dict[str, Path]:
    """The files of the network without its weights, by the names under which they are kept.

    None for a module that is imported by name. Raises WeightsError, and NetworkRefused for an ONNX file whose data lie
    elsewhere.
    """
    network = source.network or ""
    kind = kind_of(network)
    if kind == "module":
        return source_files(network) if is_file(network) else {}
    path = Path(network).expanduser()
    if not path.is_file():
        raise WeightsError(f"source.network: no file '{path}'")
    data = check_onnx(path) if kind == "onnx" else ()
    if f"network.{kind}" in data:
        raise WeightsError(f"{path}: its data are called network.{kind}, as it will be kept here; call them otherwise")
    return {f"network.{kind}": path} | {name: path.parent / name for name in data}


def weights_file(source: SourceSpec) -> Path | None:
    """The weights file of ``module:callable``; None for networks that hold theirs. Raises WeightsError."""
    if kind_of(source.network or "") != "module":
        if source.weights is not None:
            raise WeightsError("source.weights: only module:callable has weights of its own; leave it out")
        return None
    if source.weights is None:
        raise WeightsError("source.weights: module:callable has none; give a .safetensors file or a saved state dict")
    path = Path(source.weights).expanduser()
    if path.is_dir():
        return weights_in(path)
    if not path.is_file():
        raise WeightsError(f"source.weights: no file '{path}'")
    return path


def source_identity(source: SourceSpec) -> dict[str, Any]:
    """What decides the network (JSON types): digests in the place of paths. Raises WeightsError."""
    from compress.store.digests import file_digest

    network = source.network or ""
    kind, weights = kind_of(network), weights_file(source)
    found: dict[str, Any] = {
        "kind": kind, "entry": source.entry, "prefix": source.prefix,
        "files": {name: file_digest(path) for name, path in network_files(source).items()},
        "weights": file_digest(weights) if weights else None, "trust": source.trust,
    }  # fmt: skip
    if kind == "module":
        module, name = split_callable(network)
        found["callable"] = name
        found["module"] = Path(module).name if is_file(network) else module_digest(network)
        config = Path(source.weights or "").expanduser() / "config.json"
        found["config"] = file_digest(config) if config.is_file() else None
    if kind == "onnx":
        found["onnxruntime"] = version("onnxruntime")  # its answers are the runtime's
    return found
