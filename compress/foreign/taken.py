"""A foreign network as an artefact: its files and ``foreign.json``, what opens them again; no path of the user's.

Taking in: copy, look through the copy, open it from there, try it on one picture. What is opened later is what was
looked through.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.artefacts import FOREIGN
from compress.errors import WeightsError, one_line
from compress.foreign.card import CODE, WEIGHTS, Card, Narrowed
from compress.foreign.code import call, is_file, module_digest
from compress.foreign.hub_folder import arguments_in
from compress.foreign.identity import network_files, weights_file
from compress.foreign.kinds import Kind, kind_of, split_callable
from compress.foreign.onnx_file import check_onnx
from compress.foreign.pt2_file import check_pt2
from compress.foreign.state_dict import read_state_dict
from compress.foreign.torchscript_file import check_torchscript
from compress.models.weights import misfits
from compress.schema import AdapterSpec, SourceSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from compress.foreign.adapted import Adapted

_PROBE = (128, 192)
CLOSED: dict[Kind, str] = {
    "onnx": "an ONNX network has no modules",
    "pt2": "an exported program has lost its modules",
    "torchscript": "a TorchScript network's modules can't be listened to",
}


def take_in(source: SourceSpec, adapter: AdapterSpec, out: Path, student: bool = False) -> Adapted:
    """Copy the network into ``out`` (empty), look through it, open it and try it once.

    ``student``: it is to be quantized and exported, not only asked.

    Raises NetworkRefused before anything is loaded; WeightsError for what can't be opened or answers otherwise than
    the adapter says; ConfigError for an adapter that is not whole.
    """
    with _by_its_name(source, out):
        _keep(source, adapter, weights_file(source), out, student)
        net = open_taken(out / FOREIGN)
        _try(net, student)
        return net


def open_bare(source: SourceSpec, out: Path) -> nn.Module:
    """The network by itself, in eval mode, without an adapter: copied into ``out``, looked through and opened as
    ``take_in`` does it. A callable without ``weights`` is as its code makes it.

    Raises as ``take_in`` does for what can't be opened.
    """
    fresh = source.weights is None and kind_of(source.network or "") == "module"
    with _by_its_name(source, out):
        _keep(source, AdapterSpec(), None if fresh else weights_file(source), out)
        return _open(Card.read(out / FOREIGN), out)


@contextmanager
def _by_its_name(source: SourceSpec, out: Path) -> Iterator[None]:
    """Messages name the user's file, not the copy that was looked through."""
    try:
        yield
    except WeightsError as error:
        network = source.network or ""
        copy = f"network.{kind_of(network)}"
        said = str(error).replace(str(out / copy), network)
        raise type(error)(f"{network}{said.removeprefix(copy)}" if said.startswith(f"{copy}:") else said) from None


def _keep(source: SourceSpec, adapter: AdapterSpec, weights: Path | None, out: Path, student: bool = False) -> None:
    from compress.store.digests import hash_file

    kind = kind_of(source.network or "")
    for name, path in network_files(source).items():
        place = out / CODE / name if kind == "module" else out / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    if weights is not None:
        _keep_weights(weights, source, out / WEIGHTS)
    if kind == "torchscript":
        check_torchscript(out / "network.torchscript", source.trust == "torchscript")
    digests = {p.relative_to(out).as_posix(): hash_file(p) for p in sorted(out.rglob("*")) if p.is_file()}
    trusted = source.trust == "torchscript"
    card = Card(kind=kind, adapter=adapter, digests=digests, trusted=trusted, student=student)
    card = card.model_copy(update=_of_module(source) if kind == "module" else _of_runtime(kind))
    card.write(out / FOREIGN)


def _keep_weights(weights: Path, source: SourceSpec, place: Path) -> None:
    from safetensors.torch import save_file

    save_file(read_state_dict(weights, source.entry, source.prefix), place)


def _of_module(source: SourceSpec) -> dict[str, Any]:
    network = source.network or ""
    module, name = split_callable(network)
    folder = Path(source.weights).expanduser() if source.weights else None
    arguments = arguments_in(folder) if folder is not None and folder.is_dir() else {}
    facts = {"callable": f"{module}:{name}", "arguments": json.dumps(arguments, sort_keys=True)}
    if is_file(network):
        return facts | {"callable": f"{Path(module).name}:{name}"}
    return facts | {"module_sha256": module_digest(network)}


def _of_runtime(kind: Kind) -> dict[str, Any]:
    from importlib.metadata import version

    return {"onnxruntime": version("onnxruntime")} if kind == "onnx" else {}


def open_taken(path: Path) -> Adapted:
    """The network of a ``foreign.json``, in eval mode, in our convention.

    Raises NetworkRefused as ``take_in`` does, WeightsError for a module whose source is another one now, or for files
    that are not those of the card.
    """
    import torch

    from compress.foreign.adapted import Adapted
    from compress.store.digests import hash_file

    card, folder = Card.read(path), path.parent
    for own, digest in card.digests.items():
        if not (folder / own).is_file() or hash_file(folder / own) != digest:
            raise WeightsError(f"{folder / own}: not the file that was taken in; remove {folder} and run again")
    name = card.callable or f"the {card.kind} network"
    # An attention that is not trained takes a shortcut of torch's own, which nothing can quantize or export.
    torch.backends.mha.set_fastpath_enabled(False)
    return Adapted(_open(card, folder), card.adapter, name, CLOSED.get(card.kind), path).eval()


def _open(card: Card, folder: Path) -> nn.Module:
    from compress.foreign.closed import exported, scripted
    from compress.foreign.onnx_net import OnnxNet

    place = folder / f"network.{card.kind}"
    if card.kind == "module":
        return _module(card, folder)
    net: nn.Module
    if card.kind == "onnx":
        check_onnx(place)
        net = _unrolled(place) if card.student else OnnxNet(place)
    elif card.kind == "pt2":
        check_pt2(place)
        net = exported(place, plain=card.student)
    else:
        check_torchscript(place, card.trusted)
        net = scripted(place)
    if WEIGHTS in card.digests:
        _fill(net, card, folder)
    return net


def _unrolled(place: Path) -> nn.Module:
    """An ONNX file as torch layers: what is to be quantized and exported can't stay in another runtime."""
    from compress.foreign.onnx_torch.convert import as_torch

    return as_torch(place)


def _module(card: Card, folder: Path) -> nn.Module:
    from torch import nn

    network = card.callable or ""
    if card.module_sha256 is not None and module_digest(network) != card.module_sha256:
        raise WeightsError(f"{network}: its source has changed since it was taken in; run again with it")
    root = folder / CODE if card.module_sha256 is None else None
    net = call(network, root, json.loads(card.arguments))
    if not isinstance(net, nn.Module):
        raise WeightsError(f"{network}: gives {type(net).__name__}, no torch module")
    if WEIGHTS in card.digests:
        _fill(net, card, folder)
    return net.eval()


def _fill(net: nn.Module, card: Card, folder: Path) -> None:
    """Older files lack the counts of BatchNorm, which no answer depends on."""
    network = card.callable or f"the {card.kind} network"
    tensors = read_state_dict(folder / WEIGHTS, None, "")
    if card.folded:
        from compress.foreign.folding import reshape_folded

        reshape_folded(net, card.folded)
    if card.narrowed:
        narrow(net, card.narrowed, tensors)
    wanted = net.state_dict()
    first = next(iter(tensors)).partition(".")[0] + "."
    shared = all(key.startswith(first) for key in tensors) and not any(key.startswith(first) for key in wanted)
    for key, value in wanted.items():
        if key.endswith("num_batches_tracked"):
            tensors.setdefault(key, value)
    problems = misfits(wanted, tensors)
    if problems:
        way = f"; all of the file's names begin with '{first}': set source.prefix" if shared else ""
        raise WeightsError(f"{network}: the weights don't fit: {'; '.join(problems[:3])}{way}")
    net.load_state_dict(tensors)


def narrow(net: nn.Module, layers: tuple[Narrowed, ...], tensors: dict[str, Tensor]) -> None:
    """Give ``net``, as its author makes it, the shapes of ``tensors`` and what ``layers`` say of them."""
    from torch import nn

    for owner, module in net.named_modules():
        for name, value in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)):
            given = tensors.get(f"{owner}.{name}" if owner else name)
            if given is not None and given.shape != value.shape:
                setattr(module, name, nn.Parameter(given.clone()) if isinstance(value, nn.Parameter) else given.clone())
    for layer in layers:
        module = net.get_submodule(layer.module)
        for key, size in layer.sizes.items():
            setattr(module, key, size if isinstance(getattr(module, key), tuple) else size[0])


def _try(net: Adapted, student: bool) -> None:
    """On one picture, or one tile; a student of one size on such a picture. Raises WeightsError."""
    import torch

    side = [-(-side // net.size_multiple) * net.size_multiple for side in _PROBE]
    if student and net.only_size is not None:
        side = list(net.only_size)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            y = net(torch.linspace(0, 0.3, 3 * side[0] * side[1]).reshape(1, 3, *side))
        except WeightsError as error:
            size = getattr(net.inner, "size", None)
            fixed = f"; it takes {size[0]}x{size[1]} only: set adapter.tile=[{size[0]},{size[1]}]" if size else ""
            raise WeightsError(f"{error}{fixed if net.spec.tile is None else ''}") from None
        except RuntimeError as error:
            raise WeightsError(f"{net.name}: can't be run: {one_line(error)}") from None
    if not bool(torch.isfinite(y).all()):
        raise WeightsError(f"{net.name}: answers with values that are no numbers; check adapter.range and the weights")
