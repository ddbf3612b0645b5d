"""BatchNorm folded into the layer before it: a device's int8 convolution has no norm behind it, and training none to
upset. The author's code gives no graph to read, so pairs are found by running it, and each is proved (ADR 0030)."""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from compress.models.enhance import small_size

_BEFORE = (nn.Conv2d, nn.ConvTranspose2d)
_TOLERANCE = 1e-4
"""Of the largest value of the answer: what the order of float sums may change."""

Pair = tuple[str, str]
"""Names of a convolution and of the norm that reads it."""


@torch.no_grad()
def fold_norms(net: nn.Module, inner: str) -> tuple[Pair, ...]:
    """Fold in place each norm below the module ``inner`` that can be; the network's answers stay what they were."""
    x = torch.rand(1, 3, *small_size(net), generator=torch.Generator().manual_seed(3))
    done = []
    for conv, norm in _pairs(net.get_submodule(inner), lambda: net(x)):
        trial: nn.Module = copy.deepcopy(net)
        place = trial.get_submodule(inner)
        _fold(place, conv, norm)
        truth, answer = net(x), trial(x)
        if float((truth - answer).abs().max()) <= _TOLERANCE * max(1.0, float(truth.abs().max())):
            _fold(net.get_submodule(inner), conv, norm)
            done.append((conv, norm))
    return tuple(done)


def reshape_folded(net: nn.Module, pairs: tuple[Pair, ...]) -> None:
    """Make ``net``, as its author has it, one whose norms are folded, without their values."""
    for conv, norm in pairs:
        layer: Any = net.get_submodule(conv)
        if layer.bias is None:
            layer.bias = nn.Parameter(layer.weight.new_zeros(layer.out_channels))
        net.set_submodule(norm, nn.Identity())


def _pairs(net: nn.Module, run: Callable[[], object]) -> list[Pair]:
    """A convolution and a norm that are called once each, the norm with what the convolution gave."""
    given: list[tuple[str, Tensor]] = []  # kept, so that no address is used twice
    found: list[Pair] = []
    calls: Counter[str] = Counter()

    def watch(name: str, norm: bool) -> Callable[[nn.Module, Any, Tensor], None]:
        def look(_module: nn.Module, inputs: Any, output: Tensor) -> None:
            calls[name] += 1
            if norm:
                found.extend((conv, name) for conv, y in given if y is inputs[0])
            else:
                given.append((name, output))

        return look

    handles = [
        module.register_forward_hook(watch(name, isinstance(module, nn.BatchNorm2d)))
        for name, module in net.named_modules() if isinstance(module, (*_BEFORE, nn.BatchNorm2d))
    ]  # fmt: skip
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run()
    finally:
        for handle in handles:
            handle.remove()
    statistics = {name for _, name in found if getattr(net.get_submodule(name), "running_mean", None) is not None}
    return [pair for pair in found if calls[pair[0]] == calls[pair[1]] == 1 and pair[1] in statistics]


def _fold(net: nn.Module, conv: str, norm: str) -> None:
    layer: Any = net.get_submodule(conv)
    bn: Any = net.get_submodule(norm)
    if isinstance(layer, nn.ConvTranspose2d) and layer.groups > 1:
        return
    weight, bias = fuse_conv_bn_weights(
        layer.weight, layer.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose=isinstance(layer, nn.ConvTranspose2d),
    )  # fmt: skip
    layer.weight = nn.Parameter(weight.detach().contiguous())
    layer.bias = nn.Parameter(bias.detach())
    net.set_submodule(norm, nn.Identity())
