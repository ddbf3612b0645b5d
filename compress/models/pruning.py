"""Structured pruning, a few channels at a time: always the group that costs least per MAC saved.

Importance and the narrowing of layers are Torch-Pruning's (Fang et al., "DepGraph: Towards Any Structural Pruning",
CVPR 2023). The order is ours: with channel counts bound to the device's multiple, its global ranking cuts all groups
in one jump (ADR 0005). Which channels belong together is ours too (``channels``), and each cut is proved on the
network before it counts (``cutting``, ADR 0028); what can't be cut is left alone and named.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import torch_pruning as tp
from torch import Tensor, nn
from torch_pruning.dependency import Dependency, Group, Node

from compress.models.channels import Atom, ChannelMap, Place, map_channels, mixes, width_of
from compress.models.cutting import cut_problem, handler_of, merged, remove
from compress.models.tracing import Probe, find_probe

FOLDS = (1, 2, 3, 4)
"""Channels so many equal parts apart are tried together, where one alone can't go: ``chunk`` cuts by position."""

_TRIED_PX = (128, 128)


@dataclass(frozen=True)
class Cut:
    """Channels ``channels`` of layer ``module``, and what is coupled to them, were taken out."""

    module: str
    channels: tuple[int, ...]
    cost: float
    macs_after: int


@dataclass(frozen=True)
class LeftAlone:
    """A layer that keeps all of its channels, and why."""

    module: str
    reason: str


@dataclass(frozen=True)
class Pruning:
    """The narrower network, what was taken out in order, and what could not be."""

    net: nn.Module
    cuts: tuple[Cut, ...]
    left_alone: tuple[LeftAlone, ...]


def count_macs(net: nn.Module, height: int, width: int) -> int:
    """Multiply-accumulates of convolutions and matrix products for one (1, 3, height, width) picture."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 3, height, width))
    return int(counter.get_total_flops()) // 2


def take_out(net: nn.Module, module: str, channels: list[int], size: tuple[int, int] = (64, 64)) -> None:
    """Remove output channels of a layer and all that is coupled to them, in place.

    Raises ValueError for channels that have to stay, or that others are coupled to.
    """
    probe = find_probe(net, size)
    found = map_channels(net, probe)
    atoms = [atom for atom in found.outputs(module).values() if set(_own(atom, module)) & set(channels)]
    whole = merged(atoms)
    if set(_own(whole, module)) != set(channels):
        raise ValueError(f"{module}: channels {_own(whole, module)} go together")
    problem = found.why_fixed(whole) or cut_problem(net, whole, probe)
    if problem:
        raise ValueError(f"{module}: {problem}")
    remove(net, whole)


def prune_until(
    net: nn.Module, enough: Callable[[nn.Module, int], bool], gradients: Callable[[nn.Module], None],
    kind: str, multiple: int, keep: tuple[str, ...], size: tuple[int, int],
) -> Pruning:  # fmt: skip
    """A copy of ``net`` with channels taken out until ``enough(net, macs)``, or nothing more can go.

    ``gradients`` fills ``.grad`` for Taylor importance (Molchanov et al., CVPR 2019). ``kind`` is
    "taylor" or "magnitude"; ``keep`` are module prefixes that give all of their channels still; MACs
    are counted at ``size``.
    Raises NetworkError for a network that can't be traced.
    """
    search = _Search(find_probe(net, size), kind, multiple, keep, size)
    reduced: nn.Module = copy.deepcopy(net)
    cuts: list[Cut] = []
    macs = count_macs(reduced, *size)
    while not enough(reduced, macs):
        gradients(reduced)
        trials = list(search.trials(reduced, macs))
        if not trials:
            break
        last = [trial for trial in trials if enough(trial.net, trial.cut.macs_after)]
        # Where one cut reaches the budget, the smallest is enough; before, cost per saving counts.
        best = min(last, key=lambda t: (-t.cut.macs_after, t.cut.cost)) if last else min(trials, key=lambda t: t.price)
        reduced, macs = best.net, best.cut.macs_after
        cuts.append(best.cut)
        search.narrowed |= best.touched
    return Pruning(reduced, tuple(cuts), search.left_alone())


def uncuttable(net: nn.Module) -> tuple[LeftAlone, ...]:
    """The layers of which no channel can be taken out, whatever the device's multiple, and why.

    Raises NetworkError for a network that can't be traced.
    """
    probe = find_probe(net, _TRIED_PX)
    search = _Search(probe, "magnitude", 1, (), probe.shape[2:])
    for _ in search.trials(copy.deepcopy(net), 0):
        pass
    return search.left_alone()


@dataclass(frozen=True)
class _Trial:
    """What the network would be after one more cut, and the cut's cost per MAC saved."""

    net: nn.Module
    cut: Cut
    price: float
    touched: set[str]


@dataclass
class _Search:
    """The cuts that a network allows. ``reasons``: why a layer can't be cut, found out at the first round."""

    probe: Probe
    kind: str
    multiple: int
    keep: tuple[str, ...]
    size: tuple[int, int]
    reasons: dict[str, str] = field(default_factory=dict)
    folds: dict[str, int] = field(default_factory=dict)
    narrowed: set[str] = field(default_factory=set)

    def trials(self, net: nn.Module, macs: int) -> Iterator[_Trial]:
        """One cut for each group of layers that can lose channels."""
        found = map_channels(net, self.probe)
        self._name_unreached(net, found)
        seen: set[Place] = set()
        for name in found.order:
            if name in self.reasons or not mixes(net.get_submodule(name)) or self._kept(name):
                continue
            own = set(found.outputs(name))
            cut = self._cut(net, found, name) if own - seen else None
            if cut is None:
                continue
            seen |= own
            whole, cost = cut
            trial = copy.deepcopy(net)
            trial.zero_grad(set_to_none=True)
            remove(trial, whole)
            left = count_macs(trial, *self.size)
            touched = {part.name for part in whole if part.side == "out"}
            yield _Trial(trial, Cut(name, tuple(_own(whole, name)), cost, left), cost / max(1, macs - left), touched)

    def left_alone(self) -> tuple[LeftAlone, ...]:
        return tuple(LeftAlone(name, why) for name, why in self.reasons.items() if name not in self.narrowed)

    def _kept(self, name: str) -> bool:
        return any(f"{name}.".startswith(f"{prefix}.") for prefix in self.keep)

    def _cut(self, net: nn.Module, found: ChannelMap, name: str) -> tuple[Atom, float] | None:
        """The cheapest cut of a layer's outputs to the next multiple, and its cost."""
        count = found.order[name]
        reason = "" if count > 1 else "it has a single channel"
        for folds in [self.folds[name]] if name in self.folds else FOLDS:
            if count % folds:
                continue
            free, why = self._free(net, found, name, folds)
            whole, cost = self._cheapest(net, free) if len(free) > 1 else (None, 0.0)
            if whole is None:
                reason = reason or why or f"of its {count} channels, no smaller multiple of {self.multiple} can stay"
                continue
            why = cut_problem(net, whole, self.probe) or ""
            if not why:
                self.folds[name] = folds
                return whole, cost
            reason = why
        self.reasons[name] = reason
        return None

    def _free(self, net: nn.Module, found: ChannelMap, name: str, folds: int) -> tuple[list[Atom], str]:
        """The atoms that may go, and a reason for the others."""
        atoms = list(found.outputs(name, folds).values())
        why = ""
        free = []
        for atom in atoms:
            fixed = found.why_fixed(atom) or self._why_whole(net, atom)
            if fixed:
                why = why or fixed
            else:
                free.append(atom)
        if len(atoms) == 1 and found.order[name] > 1 and not why:
            why = "its channels are mixed outside of the layers (attention, a norm, a mean), so that none can go alone"
        return free, why

    def _why_whole(self, net: nn.Module, atom: Atom) -> str | None:
        for part in atom:
            if self._kept(part.name) and part.side != "in":  # what it reads may go, what it gives stays
                return f"coupled to '{part.name}', which is kept"
            others = _sharing(net, part.name) if part.side != "raw" else ()
            if others:
                return f"shares its weights with '{others[0]}'" if part.side == "out" else (
                    f"coupled to '{part.name}', which shares its weights with '{others[0]}'"
                )  # fmt: skip
        return None

    def _cheapest(self, net: nn.Module, free: list[Atom]) -> tuple[Atom | None, float]:
        """The fewest atoms of least importance that leave each layer a multiple of channels."""
        scores = _importance(net, free, self.kind)
        order = [int(i) for i in torch.argsort(scores)]
        for count in range(1, len(free)):
            whole = merged([free[i] for i in order[:count]])
            if all(self._fits(net, merged(free), part.name, part.side, len(part.indices)) for part in whole):
                return whole, float(scores[order[:count]].sum())
        return None, 0.0

    def _fits(self, net: nn.Module, all_free: Atom, name: str, side: Any, gone: int) -> bool:
        """Whether a layer that loses ``gone`` channels still has a multiple; where others feed it too, they decide."""
        if side == "raw":
            return True
        total = width_of(net.get_submodule(name), "in" if side == "in" else "out")
        ours = next(len(part.indices) for part in all_free if (part.name, part.side) == (name, side))
        if side == "in" and ours < total:
            return True
        return (total - gone) % self.multiple == 0 and total - gone >= self.multiple

    def _name_unreached(self, net: nn.Module, found: ChannelMap) -> None:
        for name, module in net.named_modules():
            if mixes(module) and name not in found.order:
                self.reasons.setdefault(name, "never called as a layer in a run of the network")


def _own(atom: Atom, name: str) -> list[int]:
    return [index for part in atom if (part.name, part.side) == (name, "out") for index in part.indices]


def _sharing(net: nn.Module, name: str) -> tuple[str, ...]:
    """Other layers that have a parameter of this one."""
    own = {id(parameter) for parameter in net.get_submodule(name).parameters(recurse=False)}
    return tuple(
        other for other, module in net.named_modules()
        if module is not net.get_submodule(name) and own & {id(each) for each in module.parameters(recurse=False)}
    )  # fmt: skip


def _importance(net: nn.Module, atoms: list[Atom], kind: str) -> Tensor:
    """What each atom is worth, by Torch-Pruning."""
    ranked: dict[tuple[str, Any], list[tuple[int, int]]] = {}
    for place, atom in enumerate(atoms):
        for part in atom:
            if part.side != "raw":
                ranked.setdefault((part.name, part.side), []).extend((index, place) for index in part.indices)
    group = Group()
    # The first item tells Torch-Pruning how many scores there are: the one with most channels comes first.
    for (name, side), pairs in sorted(ranked.items(), key=lambda item: -len(item[1])):
        module = net.get_submodule(name)
        for parameter in module.parameters(recurse=False):
            if parameter.grad is None and kind == "taylor":
                parameter.grad = torch.zeros_like(parameter)
        part = next(each for atom in atoms for each in atom if (each.name, each.side) == (name, side))
        handler, node = handler_of(module, part), Node(module, None, name)
        group.add_dep(Dependency(handler, handler, node, node), [index for index, _ in pairs])
        group[len(group) - 1].root_idxs = [place for _, place in pairs]
    rule: Any = tp.importance.GroupMagnitudeImportance(p=2)
    if kind == "taylor":
        rule = tp.importance.GroupTaylorImportance(normalizer=None)
    scores: Tensor = rule(group)
    return scores[: len(atoms)]
