"""Which layers to leave float so that the budget holds, at the least cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

_EXACT = 12
"""Up to so many layers every set is looked at; beyond, layers are added by gain over cost."""

_MAX_TRIES = 24
_FREE = 1e-6


@dataclass(frozen=True)
class Candidate:
    """A layer that may be left float: what that gains in dB if it is the only one, and what it costs."""

    name: str
    gain_db: float
    cost: float


def cheapest(
    candidates: Sequence[Candidate], deficit_db: float, holds: Callable[[frozenset[str]], bool]
) -> frozenset[str] | None:
    """The cheapest set for which ``holds`` (a measurement) is true; None if not even all layers are enough.

    Gains don't quite add up, so they decide in which order sets are tried, and the measurement decides. Sets whose
    summed gain is below ``deficit_db`` are tried only when the others failed.
    """
    everything = frozenset(each.name for each in candidates)
    tried = 0
    for names in _sets(candidates, deficit_db):
        if tried == _MAX_TRIES:
            break
        tried += 1
        if holds(names):
            return names
    if not holds(everything):
        return None
    return _thinned(candidates, everything, holds)


def _sets(candidates: Sequence[Candidate], deficit_db: float) -> Iterator[frozenset[str]]:
    """Sets that should be enough, the cheapest first, of equal cost the one with the larger gain."""
    if len(candidates) > _EXACT:
        yield from _prefixes(candidates)
        return
    enough = []
    for count in range(1, len(candidates) + 1):
        for chosen in combinations(candidates, count):
            gain, cost = sum(each.gain_db for each in chosen), sum(each.cost for each in chosen)
            if gain >= deficit_db:
                enough.append((cost, count, -gain, tuple(each.name for each in chosen)))
    for _, _, _, names in sorted(enough):
        yield frozenset(names)


def _prefixes(candidates: Sequence[Candidate]) -> Iterator[frozenset[str]]:
    order = sorted(candidates, key=lambda each: (-each.gain_db / max(each.cost, _FREE), each.name))
    for count in range(1, len(order) + 1):
        yield frozenset(each.name for each in order[:count])


def _thinned(
    candidates: Sequence[Candidate], names: frozenset[str], holds: Callable[[frozenset[str]], bool]
) -> frozenset[str]:
    """``names`` without what is not needed, the dearest tried first."""
    for each in sorted(candidates, key=lambda each: (-each.cost, each.gain_db, each.name)):
        if len(names) > 1 and holds(names - {each.name}):
            names = names - {each.name}
    return names
