"""The layers of a fake-quant network as what can be put into int8 or left out of it one by one.

A layer is the quantizer of its weight with those of what the weight meets, at each call of its module. An activation
that several layers share stays quantized until the last of them is float. What feeds no layer with weights is a layer
by itself.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from compress.errors import BuildError
from compress.models.enhance import small_size
from compress.models.quantized import is_weight, layer_at
from compress.sensitivity.records import Wider

PREFIX = "__nncf_hooks."
_HOOK = re.compile(r"^__nncf_hooks\.(?P<when>pre|post)_hooks\.(?P<place>.*)__(?P<port>\d+)\.\d+$")


@dataclass(frozen=True)
class Layer:
    """``name``: the module or operation, as ``quantize.keep_float`` takes it; the rest are names of quantizers."""

    name: str
    weights: tuple[str, ...]
    activations: tuple[str, ...]

    @property
    def quantizers(self) -> tuple[str, ...]:
        return (*self.weights, *self.activations)


def quantized_layers(net: nn.Module) -> tuple[Layer, ...]:
    """The layers of NNCF's fake-quant network ``net``, in the order in which they run.

    Raises BuildError for a network without quantizers.
    """
    from nncf.torch.quantization.layers import BaseQuantizer

    hooks = {name: module for name, module in net.named_modules() if isinstance(module, BaseQuantizer)}
    if not hooks:
        raise BuildError(
            "nothing of the network was quantized, so no layer of it can be sensitive; take something out of "
            "quantize.keep_float, or let the network teach one of our students (teacher.source)"
        )
    weights = {name for name, module in hooks.items() if _is_weight(name, module)}
    fed = _feeds(net, {name: module for name, module in hooks.items() if name not in weights}, weights)
    found: dict[str, tuple[list[str], list[str]]] = {}
    for name in (each for each in hooks if each in weights):
        place = _place(name)
        mine, theirs = found.setdefault(layer_at(net, place) or place, ([], []))
        mine.append(name)
        theirs += [each for each in fed[name] if each not in theirs]
    layers = [Layer(owner, tuple(mine), tuple(theirs)) for owner, (mine, theirs) in found.items()]
    taken = {name for layer in layers for name in layer.quantizers}
    rest = [name for name in hooks if name not in taken]
    places = Counter(_place(name) for name in rest)
    alone = [Layer(_place(name) if places[_place(name)] == 1 else _inner(name), (), (name,)) for name in rest]
    return (*layers, *alone)


def _match(name: str) -> re.Match[str]:
    match = _HOOK.match(name)
    assert match is not None, name
    return match


def _place(name: str) -> str:
    return _match(name)["place"]


def _inner(name: str) -> str:
    """Place, side and port: what tells apart the quantizers of one operation."""
    match = _match(name)
    return f"{match['place']} {'input' if match['when'] == 'pre' else 'output'} {match['port']}"


def _is_weight(name: str, module: nn.Module) -> bool:
    match, scales = _match(name), math.prod(getattr(module, "scale_shape", (1,)))
    return not match["place"].startswith("/") and is_weight(match["when"], match["place"], match["port"], scales)


@torch.no_grad()
def _feeds(net: nn.Module, activations: dict[str, nn.Module], weights: Collection[str]) -> dict[str, list[str]]:
    """For each quantizer of a weight those of what the weight meets, found by running the network once."""
    from nncf.torch.function_hook import register_pre_function_hook

    made: list[tuple[str, Tensor]] = []  # kept, so that no address is used twice
    found: dict[str, list[str]] = {name: [] for name in weights}

    def gives(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _module, _given, answer: made.append((name, answer))

    handles: list[Any] = [module.register_forward_hook(gives(name)) for name, module in activations.items()]
    first = {id(net.get_submodule(name)): name for name in weights}
    for name, module in list(net.named_modules(remove_duplicate=False)):  # one that is called often has many places
        if id(module) in first:
            other = 0 if _match(name)["port"] == "1" else 1
            look = _Look(made, found[first[id(module)]])
            handles.append(register_pre_function_hook(net, _place(name), other, look))
    try:
        net(torch.rand(1, 3, *small_size(net)))
    finally:
        for handle in handles:
            handle.remove()
    return found


class _Look(nn.Module):
    """Notes which of the tensors that were made comes by, and passes it on."""

    def __init__(self, made: list[tuple[str, Tensor]], seen: list[str]) -> None:
        super().__init__()
        self.made, self.seen = made, seen

    def forward(self, x: Tensor) -> Tensor:
        self.seen += [name for name, y in self.made if y.data_ptr() == x.data_ptr() and name not in self.seen]
        return x


def quantizer_bits(layers: Iterable[Layer], choices: Mapping[str, Wider]) -> dict[str, int]:
    """Bits of every quantizer where the layers named in ``choices`` are wider than int8; 0: it is left out.

    What several layers share serves the one that wants most of it.
    """
    found: dict[str, int] = {}
    for layer in layers:
        wanted = choices.get(layer.name)
        for name in layer.quantizers:
            bits = 0 if wanted == "float" else 16 if wanted == "int16" and name not in layer.weights else 8
            found[name] = max(found.get(name, 0), bits)
    return found


@contextmanager
def widened(net: nn.Module, layers: tuple[Layer, ...], choices: Mapping[str, Wider]) -> Iterator[None]:
    """Within it the layers named in ``choices`` compute in these precisions, the others in int8; all in int8 after."""
    modules: dict[str, Any] = {name: net.get_submodule(name) for layer in layers for name in layer.quantizers}
    changed = {name: bits for name, bits in quantizer_bits(layers, choices).items() if bits != 8}
    before = {
        name: {key: value.clone() for key, value in modules[name].state_dict().items()} for name in changed
    }  # fmt: skip
    try:
        for name, bits in changed.items():
            if bits:
                _sixteen_bits(modules[name])
            else:
                modules[name].enabled[0] = 0
        yield
    finally:
        for name, state in before.items():
            modules[name].load_state_dict(state)
            modules[name].set_levels()


@contextmanager
def only(net: nn.Module, layers: tuple[Layer, ...], active: Collection[Layer]) -> Iterator[None]:
    """Within it just ``active`` layers of ``net`` compute in int8; all of them again afterwards."""
    with widened(net, layers, {layer.name: "float" for layer in layers if layer not in active}):
        yield


@torch.no_grad()
def _sixteen_bits(module: Any) -> None:
    """65535 steps over the trained range, made symmetric as 16-bit codes are on devices: zero-point 0."""
    if hasattr(module, "input_low"):
        reach = torch.maximum(module.input_low.abs(), (module.input_low + module.input_range).abs())
        module.input_low.copy_(-reach)
        module.input_range.copy_(2 * reach)
    else:
        module.signed = True
    module.num_bits = 16
    module.set_levels()  # NNCF's setter leaves the old levels
