"""Taking channels out of layers, and the proof that nothing else went with them.

A cut is right where the narrower network does what the whole one does when the layers behind ignore these channels
(a LayerNorm counting the others only). Both are run, on other weights than the network's own (some of those may be
zero and would hide a fault), and every layer's answer is compared.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from compress.errors import one_line
from compress.models.channels import Atom, Channels, channel_axis, mixes, tensors_of
from compress.models.tracing import Probe

_EXACT = {torch.float64: 1e-7, torch.float32: 1e-3}
"""Of the largest value of a layer: what the order of sums may change."""


def merged(atoms: list[Atom]) -> Atom:
    """Several atoms as one."""
    found: dict[tuple[str, Any, int], set[int]] = {}
    for atom in atoms:
        for part in atom:
            found.setdefault((part.name, part.side, part.axis), set()).update(part.indices)
    return tuple(
        Channels(name, side, tuple(sorted(indices)), axis) for (name, side, axis), indices in sorted(found.items())
    )


def handler_of(module: nn.Module, part: Channels) -> Any:
    """Torch-Pruning's function that takes such channels out of a layer; called with the layer and the indices."""
    pruner = tp.pruner.function.PrunerBox[tp.ops.module2type(module)]
    return pruner.prune_in_channels if part.side == "in" else pruner.prune_out_channels


def remove(net: nn.Module, atom: Atom) -> None:
    """Take an atom's channels out of ``net``, in place; gradients are narrowed too."""
    for part in atom:
        if part.side == "raw":
            owner, _, name = part.name.rpartition(".")
            old = net.get_parameter(part.name)
            kept = [index for index in range(old.shape[part.axis]) if index not in part.indices]
            setattr(
                net.get_submodule(owner), name, nn.Parameter(old.detach().index_select(part.axis, torch.tensor(kept)))
            )
        else:
            module = net.get_submodule(part.name)
            handler_of(module, part)(module, list(part.indices))


def cut_problem(net: nn.Module, atom: Atom, probe: Probe) -> str | None:
    """Why taking ``atom`` out would be wrong; None where it is right."""
    other = _otherwise_weighted(net, probe)
    ignoring, narrower = copy.deepcopy(other), copy.deepcopy(other)
    try:
        _ignore(ignoring, atom)
        remove(narrower, atom)
        for seed in (1, 2):
            picture = probe.picture(seed) * (0.1 if seed == 2 else 1.0)
            truth, cut = _answers(ignoring, picture), _answers(narrower, picture)
            problem = _difference(net, atom, truth, cut, _EXACT[probe.dtype])
            if problem:
                return problem
    except Exception as error:  # a graph that can't run any more may raise anything
        return f"without some of its channels the network fails ({one_line(error)})"
    return None


def _otherwise_weighted(net: nn.Module, probe: Probe) -> nn.Module:
    noise = torch.Generator().manual_seed(5)
    other: nn.Module = copy.deepcopy(net).to(probe.dtype).eval()
    other.zero_grad(set_to_none=True)
    with torch.no_grad():
        for parameter in other.parameters():
            size = float(parameter.square().mean().sqrt()) or 0.1
            parameter.add_(torch.randn(parameter.shape, generator=noise).to(parameter) * 0.1 * size)
    return other


def _ignore(net: nn.Module, atom: Atom) -> None:
    """Zero the weights that layers have for these channels; norms over channels count the others only."""
    with torch.no_grad():
        for part in atom:
            module = net.get_submodule(part.name) if part.side != "raw" else net
            if isinstance(module, nn.LayerNorm):
                net.set_submodule(part.name, _NormOfTheRest(module, part.indices))
            elif part.side == "in" and isinstance(module, _ConvNd):
                groups, each = module.groups, module.in_channels // module.groups
                for index in part.indices:
                    if module.transposed:
                        module.weight[index] = 0.0
                    else:
                        rows = module.out_channels // groups
                        group = index // each
                        module.weight[group * rows : (group + 1) * rows, index % each] = 0.0
            elif part.side == "in" and isinstance(module, nn.Linear):
                module.weight[:, list(part.indices)] = 0.0


class _NormOfTheRest(nn.Module):
    """A LayerNorm over all channels but some, which it gives as zero."""

    def __init__(self, norm: nn.LayerNorm, without: tuple[int, ...]) -> None:
        super().__init__()
        self.norm = norm
        self.kept = [index for index in range(norm.normalized_shape[0]) if index not in without]

    def forward(self, x: Tensor) -> Tensor:
        norm, kept = self.norm, self.kept
        weight = norm.weight[kept] if norm.weight is not None else None
        bias = norm.bias[kept] if norm.bias is not None else None
        y = torch.zeros_like(x)
        y[..., kept] = nn.functional.layer_norm(x[..., kept], [len(kept)], weight, bias, norm.eps)
        return y


Answers = list[tuple[str, Tensor]]


def _answers(net: nn.Module, picture: Tensor) -> Answers:
    """What each layer and the network as a whole gave, in the order of calls."""
    found: Answers = []

    def note(name: str) -> Any:
        return lambda _module, _inputs, output: found.append((name, output.detach().clone()))

    handles = [each.register_forward_hook(note(name)) for name, each in net.named_modules() if mixes(each)]
    try:
        with torch.no_grad():
            whole = tensors_of(net(picture))
    finally:
        for handle in handles:
            handle.remove()
    return [*found, *(("", each) for each in whole)]


def _difference(net: nn.Module, atom: Atom, truth: Answers, cut: Answers, tolerance: float) -> str | None:
    gone = {part.name: part.indices for part in atom if part.side == "out"}
    if [name for name, _ in truth] != [name for name, _ in cut]:
        return "without some of its channels the network takes another path"
    for (name, whole), (_, narrow) in zip(truth, cut, strict=True):
        if name in gone:
            module = net.get_submodule(name)
            axis = channel_axis(module)
            kept = [index for index in range(whole.shape[axis]) if index not in gone[name]]
            whole = whole.index_select(axis, torch.tensor(kept))
        if whole.shape != narrow.shape:
            return f"without some of its channels {_who(name)} gives {list(narrow.shape)}, not {list(whole.shape)}"
        away = float((whole - narrow).abs().max()) if whole.numel() else 0.0
        if not away <= tolerance * max(float(whole.abs().max()), 1e-3):
            return f"taking some of its channels out changes others: {_who(name)} is {away:.2g} away"
    return None


def _who(name: str) -> str:
    return f"'{name}'" if name else "the network"
