"""The layers of a fake-quant network as what can be put into int8 or left out of it one by one.

A layer is a weight's quantizer with the quantizers of what it is computed with. An activation that several layers
share stays quantized until the last of them is float. What feeds no layer with weights is a layer by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from compress.errors import BuildError

PREFIX = "__nncf_hooks."
_HOOK = re.compile(r"^__nncf_hooks\.(?P<when>pre|post)_hooks\.(?P<place>.*)__(?P<port>\d+)\.\d+$")
_SIDE = 64


@dataclass(frozen=True)
class Layer:
    """``name``: the module, as ``quantize.keep_float`` takes it; the rest are names of quantizer modules."""

    name: str
    weight: str | None
    activations: tuple[str, ...]

    @property
    def quantizers(self) -> tuple[str, ...]:
        return (*((self.weight,) if self.weight else ()), *self.activations)


def quantized_layers(net: nn.Module) -> tuple[Layer, ...]:
    """The layers of NNCF's fake-quant network ``net``, in the order in which they run.

    Raises BuildError for a network without quantizers.
    """
    from nncf.torch.quantization.layers import BaseQuantizer

    hooks = {name: module for name, module in net.named_modules() if isinstance(module, BaseQuantizer)}
    if not hooks:
        raise BuildError("the network has no quantizers, so no layer of it can be sensitive")
    weights = {_scope(_place(name)): name for name in hooks if _is_weight(name)}
    fed = _feeds(net, {name: module for name, module in hooks.items() if not _is_weight(name)}, tuple(weights))
    layers = {scope: Layer(scope.replace("/", "."), weights[scope], tuple(fed[scope])) for scope in weights}
    taken = {name for layer in layers.values() for name in layer.quantizers}
    alone = [Layer(_place(name), None, (name,)) for name in hooks if name not in taken]
    return (*layers.values(), *alone)


def _match(name: str) -> re.Match[str]:
    match = _HOOK.match(name)
    assert match is not None, name
    return match


def _place(name: str) -> str:
    return _match(name)["place"]


def _is_weight(name: str) -> bool:
    match = _match(name)
    return match["when"] == "pre" and match["port"] == "1" and not match["place"].startswith("/")


def _scope(place: str) -> str:
    """``repair/near/conv2d/0`` is the first conv2d of module ``repair/near``."""
    return place.rsplit("/", 2)[0]


@torch.no_grad()
def _feeds(net: nn.Module, activations: dict[str, nn.Module], scopes: tuple[str, ...]) -> dict[str, list[str]]:
    """For each module with a quantized weight the quantizers of its inputs, found by running the network once."""
    made: list[tuple[str, Tensor]] = []  # kept, so that no address is used twice
    found: dict[str, list[str]] = {scope: [] for scope in scopes}
    for name in activations:
        if _match(name)["when"] == "pre" and _scope(_place(name)) in found:
            found[_scope(_place(name))].append(name)

    def gives(name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        return lambda _module, _given, answer: made.append((name, answer))

    def takes(scope: str) -> Callable[[nn.Module, Any], None]:
        def look(_module: nn.Module, given: Any) -> None:
            places = {tensor.data_ptr() for tensor in given if isinstance(tensor, Tensor)}
            found[scope] += [n for n, t in made if t.data_ptr() in places and n not in found[scope]]

        return look

    handles = [module.register_forward_hook(gives(name)) for name, module in activations.items()]
    handles += [net.get_submodule(s.replace("/", ".")).register_forward_pre_hook(takes(s)) for s in scopes]
    side = -(-_SIDE // int(net.size_multiple)) * int(net.size_multiple)  # type: ignore[arg-type]
    try:
        net(torch.rand(1, 3, side, side))
    finally:
        for handle in handles:
            handle.remove()
    return found


@contextmanager
def only(net: nn.Module, layers: tuple[Layer, ...], active: Collection[Layer]) -> Iterator[None]:
    """Within it just ``active`` layers of ``net`` compute in int8; all of them again afterwards."""
    on = {name for layer in active for name in layer.quantizers}
    modules: dict[str, Any] = {name: net.get_submodule(name) for layer in layers for name in layer.quantizers}
    try:
        for name, module in modules.items():
            module.enabled[0] = int(name in on)
        yield
    finally:
        for module in modules.values():
            module.enabled[0] = 1


@contextmanager
def sixteen_bits(net: nn.Module, layer: Layer) -> Iterator[None]:
    """Within it the activations that ``layer`` takes have 65536 levels in the ranges that were trained."""
    modules: list[Any] = [net.get_submodule(name) for name in layer.activations]
    bits = [module.num_bits for module in modules]
    try:
        for module in modules:
            module.num_bits = 16
        yield
    finally:
        for module, before in zip(modules, bits, strict=True):
            module.num_bits = before
