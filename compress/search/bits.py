"""The precision of single layers as dimensions of a search: int8, float, and 16 bit where the target has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from compress.errors import CompressError
from compress.plan import Plan
from compress.schema import QuantizeSpec, SourceSpec, StudentSpec
from compress.search.records import Setting

PREFIX = "bits."
"""Before a layer's name in a point: ``bits.repair.leave``."""
KEEP_FLOAT, INT16 = "quantize.keep_float", "quantize.int16"
_STUDENT = "student."


@dataclass(frozen=True)
class Bits:
    """``layers``: those with a choice, a layer after what it lies in; ``quantize``: what the recipe decides."""

    layers: tuple[str, ...]
    precisions: tuple[str, ...]
    quantize: QuantizeSpec
    student: StudentSpec

    @classmethod
    def of(cls, plan: Plan) -> Bits:
        """What the plan's search asks for (``search.bits``)."""
        recipe, target = plan.recipe, plan.target
        wider = (("int16", target.int16_layers), ("float", target.float_layers))
        precisions = ("int8", *(name for name, there in wider if there))
        layers = tuple(sorted(recipe.search.bits, key=lambda name: (name.count("."), name)))
        return cls(layers, precisions, recipe.quantize, recipe.student)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(PREFIX + layer for layer in self.layers)

    def has(self, found: Iterable[Setting], key: str) -> bool:
        """Whether the layer of ``key`` has a choice beside the settings ``found``: the network has it, and neither
        it nor what it lies in is decided already."""
        point, layer = tuple(found), key.removeprefix(PREFIX)
        wider = {s.key.removeprefix(PREFIX) for s in point if s.key.startswith(PREFIX) and s.value != "int8"}
        return not is_under(layer, (*decided(point, self.quantize), *wider)) and layer in self.names(point)

    def names(self, point: Iterable[Setting]) -> frozenset[str]:
        """The layers of the student with these settings. Raises what opening a network from outside raises."""
        if self.student.source.network is not None:
            return outside_names(self.student.source)
        given = {s.key.removeprefix(_STUDENT): s.value for s in point if s.key.startswith(_STUDENT)}
        network = str(given.pop("network", self.student.network))
        numbers = {name: value for name, value in given.items() if isinstance(value, int)}
        base = self.student.given | numbers
        return network_names(network, tuple(sorted(base.items())))


def decided(point: tuple[Setting, ...], quantize: QuantizeSpec) -> tuple[str, ...]:
    """What is float or of 16 bits anyway, by the point's own lists or else the recipe's."""
    return (*_listed(point, KEEP_FLOAT, quantize.keep_float), *_listed(point, INT16, quantize.int16))


def lists_of(point: tuple[Setting, ...], quantize: QuantizeSpec) -> Mapping[str, list[str]]:
    """The recipe's lists that say the same as a point's choices, by key; empty where it has none."""
    chosen = {s.key.removeprefix(PREFIX): s.value for s in point if s.key.startswith(PREFIX)}
    if not chosen:
        return {}
    floats, wide = ([layer for layer, value in chosen.items() if value == name] for name in ("float", "int16"))
    return {
        KEEP_FLOAT: [*_listed(point, KEEP_FLOAT, quantize.keep_float), *floats],
        INT16: [*_listed(point, INT16, quantize.int16), *wide],
    }


def is_under(layer: str, prefixes: Iterable[str]) -> bool:
    """Whether a layer is one of ``prefixes`` or lies in one."""
    return any(layer == each or layer.startswith(f"{each}.") for each in prefixes)


@cache
def network_names(network: str, settings: tuple[tuple[str, int], ...]) -> frozenset[str]:
    """Modules of one of our networks that have trained layers in them; settings that it lacks count for nothing."""
    import torch

    from compress.models import NETWORKS, build_net

    if network not in NETWORKS:
        return frozenset()
    takes = NETWORKS[network].defaults
    with torch.device("meta"):
        return _with_weights(build_net(network, {name: value for name, value in settings if name in takes}))


@cache
def outside_names(source: SourceSpec) -> frozenset[str]:
    """The same of a network from outside, by its author's names."""
    from compress.inspection.opening import opened

    with opened(source) as net:
        return _with_weights(net.net)


def names_problem(bits: Bits) -> str:
    """Why the student's layers can't be looked at, empty where they can."""
    try:
        bits.names(())
    except CompressError as error:
        return str(error)
    return ""


def _with_weights(net: object) -> frozenset[str]:
    from torch import nn

    assert isinstance(net, nn.Module)
    return frozenset(name for name, module in net.named_modules() if name and any(True for _ in module.parameters()))


def _listed(point: tuple[Setting, ...], key: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
    own = next((setting.value for setting in point if setting.key == key), None)
    return tuple(str(name) for name in own) if isinstance(own, list | tuple) else otherwise
