"""Which channels of a network belong together, found by asking the network itself.

The network runs once on noise. What each layer gives is replaced by fresh noise, so that between layers only what
has no channels of its own is left (sums, concatenations, shuffles, chunks, resizes, activations), and the gradient
of each input channel of a layer says which channels of which layers it is made of. No operation has to be known by
name (ADR 0028). Grouping follows "DepGraph: Towards Any Structural Pruning" (Fang et al., CVPR 2023).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.instancenorm import _InstanceNorm

from compress.models.tracing import Probe, trace_problem

Side = Literal["in", "out", "both", "raw"]
"""Of a layer: what it reads, what it gives, both at once (it keeps channels apart), or a parameter of no layer."""

Place = tuple[str, Side, int]
"""One channel: name of layer or parameter, side, index."""


def keeps_apart(module: nn.Module) -> bool:
    """Whether each channel that the layer gives comes from the same channel that it reads, but for a norm's scale."""
    if isinstance(module, _ConvNd):
        return module.groups == module.in_channels == module.out_channels > 1
    if isinstance(module, nn.PReLU):
        return module.num_parameters > 1
    if isinstance(module, nn.LayerNorm):
        return len(module.normalized_shape) == 1
    return isinstance(module, _BatchNorm | _InstanceNorm)


def mixes(module: nn.Module) -> bool:
    """Whether the layer has rows and columns of weights that can be taken out."""
    return isinstance(module, _ConvNd | nn.Linear) and not keeps_apart(module)


def channel_axis(module: nn.Module) -> int:
    """Where a layer's tensors have their channels."""
    return -1 if isinstance(module, nn.Linear | nn.LayerNorm) else 1


@dataclass(frozen=True)
class Channels:
    """Channels of one layer that go together; of a raw parameter those along ``axis``."""

    name: str
    side: Side
    indices: tuple[int, ...]
    axis: int = 0


Atom = tuple[Channels, ...]
"""The smallest that can be taken out at once."""


@dataclass
class ChannelMap:
    """What belongs together. ``order``: layers as they are first called, with their number of output channels."""

    order: dict[str, int] = field(default_factory=dict)
    fixed: dict[Place, str] = field(default_factory=dict)
    axes: dict[str, int] = field(default_factory=dict)
    _parent: dict[Place, Place] = field(default_factory=dict)

    def find(self, place: Place) -> Place:
        """The place that stands for all which belong to this one."""
        root = place
        while (above := self._parent.setdefault(root, root)) != root:
            root = above
        while self._parent[place] != root:
            self._parent[place], place = root, self._parent[place]
        return root

    def join(self, one: Place, other: Place) -> None:
        self._parent[self.find(other)] = self.find(one)

    def fix(self, place: Place, why: str) -> None:
        self.fixed.setdefault(place, why)

    def outputs(self, name: str, folds: int = 1) -> dict[Place, Atom]:
        """The atoms of a layer's output channels; with ``folds``, channels an equal part apart go together as well."""
        count = self.order[name]
        part = count // folds
        members = self._members
        atoms: dict[Place, Atom] = {}
        for index in range(part):
            roots = sorted({self.find((name, "out", index + part * fold)) for fold in range(folds)})
            if roots[0] not in atoms:
                atoms[roots[0]] = self._atom([each for root in roots for each in members[root]])
        return atoms

    @cached_property
    def _members(self) -> dict[Place, list[Place]]:
        found: dict[Place, list[Place]] = {}
        for place in list(self._parent):
            found.setdefault(self.find(place), []).append(place)
        return found

    def _atom(self, places: list[Place]) -> Atom:
        found: dict[tuple[str, Side], list[int]] = {}
        for name, side, index in places:
            found.setdefault((name, side), []).append(index)
        return tuple(
            Channels(name, side, tuple(sorted(indices)), self.axes.get(name, 0))
            for (name, side), indices in sorted(found.items())
        )

    def why_fixed(self, atom: Atom) -> str | None:
        """Why an atom has to stay; None where it may go."""
        places = ((part.name, part.side, index) for part in atom for index in part.indices)
        return next((self.fixed[place] for place in places if place in self.fixed), None)


def map_channels(net: nn.Module, probe: Probe) -> ChannelMap:
    """The channel map of ``net``, whose input is as ``probe`` says. ``net`` is left as it is.

    Raises NetworkError for a network whose path can't be traced, with the reason and the way out.
    """
    trace_problem(net, probe)
    traced = copy.deepcopy(net).to(probe.dtype).eval()
    run = _Run(traced, probe)
    found = ChannelMap()
    for name, module in run.layers.items():
        if name in run.reached:
            _declare(found, name, module)
    for call in run.calls:
        for index, sources in call.made_of(run.sources):
            place: Place = (call.name, "both" if keeps_apart(run.layers[call.name]) else "in", index)
            for source in sources:
                _connect(found, place, source)
    for answer in run.answers:
        for source in answer.all_of(run.sources):
            if source[0] != "":
                found.fix(source, "its channels are those of the network's output")
    found.axes = {each.name: each.axis for each in run.sources if each.side == "raw"}
    return found


def _connect(found: ChannelMap, place: Place, source: Place) -> None:
    if source[0] == "":
        found.fix(place, "its channels are those of the network's input")
    else:
        found.join(place, source)


def _declare(found: ChannelMap, name: str, module: nn.Module) -> None:
    """Enter a layer's channels; those of a grouped convolution go with their like in every group."""
    if keeps_apart(module):
        found.order[name] = width_of(module, "out")
        for index in range(found.order[name]):
            found.find((name, "both", index))
        return
    sides: tuple[Side, ...] = ("in", "out")
    for side in sides:
        total = width_of(module, side)
        each = total // (module.groups if isinstance(module, _ConvNd) else 1)
        for index in range(total):
            found.join((name, side, index % each), (name, side, index))
    found.order[name] = width_of(module, "out")


def width_of(module: nn.Module, side: Side) -> int:
    """How many channels a layer reads ("in") or gives."""
    if isinstance(module, _ConvNd):
        return module.in_channels if side == "in" else module.out_channels
    if isinstance(module, nn.Linear):
        return module.in_features if side == "in" else module.out_features
    if isinstance(module, nn.PReLU):
        return module.num_parameters
    if isinstance(module, nn.LayerNorm):
        return int(module.normalized_shape[0])
    return int(module.num_features)  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Source:
    """A tensor that channels come from: what a layer gave, a parameter of no layer, or the picture (no name)."""

    name: str
    side: Side
    tensor: Tensor
    axis: int

    def channels_in(self, gradient: Tensor | None) -> list[int]:
        """Which channels have an influence. None of a tensor with a single one: it is spread over all others."""
        if gradient is None or gradient.shape[self.axis] == 1:
            return []
        others = [axis for axis in range(gradient.dim()) if axis != self.axis % gradient.dim()]
        size = gradient.abs().sum(others) if others else gradient.abs()
        return [int(i) for i in torch.nonzero(size > 1e-9 * size.max())[:, 0]] if float(size.max()) > 0 else []


@dataclass(frozen=True)
class _Call:
    """What one call of a layer reads, or what the network answers."""

    name: str
    tensor: Tensor
    axis: int

    def _weighted(self, seed: int) -> Tensor:
        noise = torch.rand(self.tensor.shape, generator=torch.Generator().manual_seed(seed)) + 0.5
        others = [axis for axis in range(self.tensor.dim()) if axis != self.axis % self.tensor.dim()]
        weighted = self.tensor * noise
        return weighted.sum(others) if others else weighted

    def made_of(self, sources: list[_Source]) -> Iterator[tuple[int, list[Place]]]:
        """Each channel with the channels that it is made of."""
        sums = self._weighted(1)
        near = _reaching(sums.sum(), sources)
        every: dict[int, list[list[int]]] = {}
        for index in range(len(sums) if near else 0):
            gradients = torch.autograd.grad(
                sums[index], [each.tensor for each in near], retain_graph=True, allow_unused=True
            )
            every[index] = [each.channels_in(gradient) for each, gradient in zip(near, gradients, strict=True)]
        # A picture of which all of each channel is made (by a mean over colours, say) gives it no colours.
        spread = {
            place for place, each in enumerate(near)
            if each.name == "" and len(every) > each.tensor.shape[1]
            and all(len(found[place]) == each.tensor.shape[1] for found in every.values())
        }  # fmt: skip
        for index, found in every.items():
            pairs = [
                (each, channels) for k, (each, channels) in enumerate(zip(near, found, strict=True)) if k not in spread
            ]
            yield index, [(each.name, each.side, channel) for each, channels in pairs for channel in channels]

    def all_of(self, sources: list[_Source]) -> list[Place]:
        """All channels that the tensor is made of."""
        total = self._weighted(2).sum()
        near = _reaching(total, sources)
        if not near:
            return []
        gradients = torch.autograd.grad(total, [each.tensor for each in near], retain_graph=True, allow_unused=True)
        return [
            (each.name, each.side, channel)
            for each, gradient in zip(near, gradients, strict=True) for channel in each.channels_in(gradient)
        ]  # fmt: skip


def _reaching(total: Tensor, sources: list[_Source]) -> list[_Source]:
    if not total.requires_grad:
        return []
    gradients = torch.autograd.grad(total, [each.tensor for each in sources], retain_graph=True, allow_unused=True)
    return [each for each, gradient in zip(sources, gradients, strict=True) if gradient is not None]


class _Run:
    """One run of ``net`` with every layer cut off from those before it."""

    def __init__(self, net: nn.Module, probe: Probe) -> None:
        self.layers = {name: each for name, each in net.named_modules() if mixes(each) or keeps_apart(each)}
        self.calls: list[_Call] = []
        self.sources: list[_Source] = []
        self.reached: set[str] = set()
        self._noise = torch.Generator().manual_seed(3)
        own = {id(p) for each in self.layers.values() for p in each.parameters()}
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(True)
            wide = [axis for axis, side in enumerate(parameter.shape) if side > 1]
            if id(parameter) not in own and len(wide) == 1:
                self.sources.append(_Source(name, "raw", parameter, wide[0]))
        handles = [layer.register_forward_hook(self._hook(name)) for name, layer in self.layers.items()]
        try:
            with torch.enable_grad():
                answer = net(self._leaf("", "out", probe.shape, 1, probe.dtype))
        finally:
            for handle in handles:
                handle.remove()
        self.answers = [_Call("", each, 1) for each in tensors_of(answer)]

    def _leaf(self, name: str, side: Side, shape: Any, axis: int, dtype: torch.dtype) -> Tensor:
        # Between .1 and .9, where neither ReLU nor a clip to [0, 1] stops a gradient.
        leaf = (torch.rand(shape, generator=self._noise, dtype=dtype) * 0.8 + 0.1).requires_grad_()
        self.sources.append(_Source(name, side, leaf, axis))
        return leaf * 1.0  # not a leaf itself, so that it may be changed in place

    def _hook(self, name: str) -> Any:
        def cut_off(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            axis = channel_axis(layer)
            self.reached.add(name)
            self.calls.append(_Call(name, inputs[0] * 1.0, axis))
            return self._leaf(name, "both" if keeps_apart(layer) else "out", output.shape, axis, output.dtype)

        return cut_off


def tensors_of(answer: Any) -> list[Tensor]:
    """All floating tensors in what a network gives: one, a tuple, list or dict of them."""
    if isinstance(answer, Tensor):
        return [answer] if answer.is_floating_point() else []
    if isinstance(answer, dict):
        answer = list(answer.values())
    return [each for part in answer for each in tensors_of(part)] if isinstance(answer, list | tuple) else []
