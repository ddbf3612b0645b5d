"""Which layers to make wider than int8, and how wide, so that the budget holds at the least cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from compress.schema import Promotion
from compress.sensitivity.records import Wider

_EXACT = 4096
"""Up to so many sets every one is looked at; beyond, layers are added by gain over cost."""

MAX_TRIES = 24
_LEAST = 0.01

Choices = Mapping[str, Wider]
"""Precision by layer; a layer that is not named stays int8."""


def wider_precisions(promotion: Promotion) -> tuple[Wider, ...]:
    """What the target has beyond int8."""
    has: tuple[tuple[Wider, bool], ...] = (("int16", promotion.int16_layers), ("float", promotion.float_layers))
    return tuple(name for name, there in has if there)


@dataclass(frozen=True)
class Candidate:
    """A layer in a precision: what that gains in dB if it is the only one, and what it costs."""

    name: str
    gain_db: float
    cost: float
    precision: Wider = "float"


def cheapest(
    candidates: Sequence[Candidate], deficit_db: float, holds: Callable[[Choices], bool]
) -> dict[str, Wider] | None:
    """The cheapest choice for which ``holds`` (a measurement) is true; None if not even the widest of all is enough.

    Gains don't quite add up, so they decide in which order sets are tried, and the measurement decides. Sets whose
    summed gain is below ``deficit_db`` are tried only when the others failed.
    """
    layers = _by_layer(candidates)
    if prod(len(each) + 1 for each in layers.values()) > _EXACT:
        return _by_prefix(layers, holds)
    tried: set[frozenset[Candidate]] = set()
    for chosen in _sets(layers, deficit_db):
        if len(tried) == MAX_TRIES:
            break
        if chosen not in tried and holds(_choices(chosen)):
            return _choices(chosen)
        tried.add(chosen)
    everything = widest(candidates)
    if not everything or not holds(_choices(everything)):
        return None
    return _choices(_thinned(layers, everything, holds))


def widest(candidates: Sequence[Candidate]) -> frozenset[Candidate]:
    """Every layer as it gains most, of equal gain the cheaper."""
    return frozenset(max(each, key=lambda one: (one.gain_db, -one.cost)) for each in _by_layer(candidates).values())


def by_worth(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those first that gain most for their cost.

    What costs nothing by its own time counts as a hundredth of the dearest: around it codes are turned into floats and
    back, and a gain of a thousandth of a dB is not worth that.
    """
    least = _LEAST * max((each.cost for each in candidates), default=0.0) or 1.0
    return sorted(candidates, key=lambda each: (-each.gain_db / max(each.cost, least), each.name, each.precision))


def _choices(chosen: frozenset[Candidate]) -> dict[str, Wider]:
    return {each.name: each.precision for each in sorted(chosen, key=lambda one: one.name)}


def _by_layer(candidates: Sequence[Candidate]) -> dict[str, list[Candidate]]:
    """The precisions of each layer that are worth their cost: none other gains as much for no more."""
    layers: dict[str, list[Candidate]] = {}
    for each in sorted(candidates, key=lambda one: (one.cost, -one.gain_db)):
        kept = layers.setdefault(each.name, [])
        if not kept or each.gain_db > kept[-1].gain_db:
            kept.append(each)
    return layers


def _sets(layers: Mapping[str, list[Candidate]], deficit_db: float) -> Iterator[frozenset[Candidate]]:
    """Sets that should be enough, the cheapest first, of equal cost the one with the larger gain."""
    enough = []
    for picked in product(*((None, *each) for each in layers.values())):
        chosen = tuple(each for each in picked if each is not None)
        gain = sum(each.gain_db for each in chosen)
        if chosen and gain >= deficit_db:
            names = tuple((each.name, each.precision) for each in chosen)
            enough.append((sum(each.cost for each in chosen), len(chosen), -gain, names, frozenset(chosen)))
    for *_, found in sorted(enough, key=lambda each: each[:4]):
        yield found


def _by_prefix(
    layers: Mapping[str, list[Candidate]], holds: Callable[[Choices], bool]
) -> dict[str, Wider] | None:  # fmt: skip
    """The shortest of ``_prefixes`` that is enough, found by halving, without what is not needed of it."""
    sets = list(_prefixes(layers))
    if not sets or not holds(_choices(sets[-1])):
        return None
    low, high = 0, len(sets) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(_choices(sets[middle])) else (middle + 1, high)
    return _choices(_thinned(layers, sets[high], holds))


def _prefixes(layers: Mapping[str, list[Candidate]]) -> Iterator[frozenset[Candidate]]:
    """Layers added one by one, those first that gain most for their cost; a wider precision takes the place of one."""
    order = by_worth([each for options in layers.values() for each in options])
    chosen: dict[str, Candidate] = {}
    for each in order:
        if each.name not in chosen or each.gain_db > chosen[each.name].gain_db:
            chosen[each.name] = each
            yield frozenset(chosen.values())


def _thinned(
    layers: Mapping[str, list[Candidate]], chosen: frozenset[Candidate], holds: Callable[[Choices], bool]
) -> frozenset[Candidate]:
    """``chosen`` without what is not needed, or in a cheaper precision, the dearest tried first, up to MAX_TRIES."""
    for each in sorted(chosen, key=lambda one: (-one.cost, one.gain_db, one.name))[:MAX_TRIES]:
        cheaper = [one for one in layers[each.name] if one.cost < each.cost]
        for fewer in (chosen - {each}, *(chosen - {each} | {one} for one in cheaper)):
            if fewer and holds(_choices(fewer)):
                chosen = fewer
                break
    return chosen
