"""Structured pruning, a few channels at a time: always the group that costs least per MAC saved.

The dependency graph, the groups of coupled channels and their importance are Torch-Pruning's (Fang et
al., "DepGraph: Towards Any Structural Pruning", CVPR 2023). The order is ours: with channel counts
bound to the device's multiple, its global ranking cuts all groups in one jump.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn


@dataclass(frozen=True)
class Cut:
    """Channels ``channels`` of convolution ``module``, and what is coupled to them, were taken out."""

    module: str
    channels: tuple[int, ...]
    cost: float
    macs_after: int


def count_macs(net: nn.Module, height: int, width: int) -> int:
    """Multiply-accumulates of convolutions and matrix products for one (1, 3, height, width) picture."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 3, height, width))
    return int(counter.get_total_flops()) // 2


def _graph(net: nn.Module) -> Any:
    return tp.DependencyGraph().build_dependency(net, example_inputs=torch.rand(1, 3, 64, 64))


def _protected(net: nn.Module, prefixes: tuple[str, ...]) -> list[nn.Module]:
    """Convolutions that keep their channels: below a named prefix, or giving a picture's channels."""
    return [
        module
        for name, module in net.named_modules()
        if isinstance(module, nn.Conv2d)
        and (module.out_channels in (3, 12) or any(f"{name}.".startswith(f"{p}.") for p in prefixes))
    ]


def _candidates(
    net: nn.Module, multiple: int, prefixes: tuple[str, ...], importance: Any
) -> list[tuple[str, list[int], float]]:
    """For each group that can lose ``multiple`` channels: first module, least important channels, cost."""
    names = {module: name for name, module in net.named_modules()}
    found = []
    graph = _graph(net)
    for group in graph.get_all_groups(ignored_layers=_protected(net, prefixes), root_module_types=[nn.Conv2d]):
        root = group[0].dep.target.module
        excess = root.out_channels % multiple or multiple
        if root.out_channels - excess < multiple:
            continue
        scores: Tensor = importance(group)
        order = torch.argsort(scores)[:excess]
        found.append((names[root], sorted(int(i) for i in order), float(scores[order].sum())))
    return found


def take_out(net: nn.Module, module: str, channels: list[int]) -> None:
    """Remove output channels of a convolution and all that is coupled to them, in place."""
    graph = _graph(net)
    group = graph.get_pruning_group(net.get_submodule(module), tp.prune_conv_out_channels, idxs=channels)
    group.prune()


def prune_until(
    net: nn.Module, enough: Callable[[nn.Module, int], bool], gradients: Callable[[nn.Module], None],
    kind: str, multiple: int, keep: tuple[str, ...], size: tuple[int, int],
) -> tuple[nn.Module, list[Cut]]:  # fmt: skip
    """A copy of ``net`` with channels taken out until ``enough(net, macs)``, or nothing more can go.

    ``gradients`` fills ``.grad`` for Taylor importance (Molchanov et al., CVPR 2019). ``kind`` is
    "taylor" or "magnitude"; ``keep`` are module prefixes left whole; MACs are counted at ``size``.
    """
    reduced: nn.Module = copy.deepcopy(net)
    cuts: list[Cut] = []
    macs = count_macs(reduced, *size)
    importance: Any = tp.importance.GroupMagnitudeImportance(p=2)
    if kind == "taylor":
        importance = tp.importance.GroupTaylorImportance(normalizer=None)
    while not enough(reduced, macs):
        gradients(reduced)
        trials = _trials(reduced, macs, multiple, keep, importance, size)
        if not trials:
            break
        last = [trial for trial in trials if enough(trial.net, trial.cut.macs_after)]
        # Where one cut reaches the budget, the smallest is enough; before, cost per saving counts.
        best = min(last, key=lambda t: (-t.cut.macs_after, t.cut.cost)) if last else min(trials, key=lambda t: t.price)
        reduced, macs = best.net, best.cut.macs_after
        cuts.append(best.cut)
    return reduced, cuts


@dataclass(frozen=True)
class _Trial:
    """What the network would be after one more cut, and the cut's cost per MAC saved."""

    net: nn.Module
    cut: Cut
    price: float


def _trials(
    net: nn.Module, macs: int, multiple: int, keep: tuple[str, ...], importance: Any, size: tuple[int, int]
) -> list[_Trial]:
    trials = []
    for module, channels, cost in _candidates(net, multiple, keep, importance):
        trial = copy.deepcopy(net)
        trial.zero_grad(set_to_none=True)
        take_out(trial, module, channels)
        left = count_macs(trial, *size)
        trials.append(_Trial(trial, Cut(module, tuple(channels), cost, left), cost / max(1, macs - left)))
    return trials
