"""Quality against time as layers are promoted one by one: what a budget costs, and where it takes all that int8 won."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compress.sensitivity.measure import Bench
from compress.sensitivity.promote import Candidate, Choices
from compress.sensitivity.records import LayerCost, PromotionPoint

_POINTS = 8
_FREE = 1e-6


def promotion_curve(
    bench: Bench, candidates: Sequence[Candidate], costs: Mapping[str, LayerCost], chosen: Choices
) -> tuple[PromotionPoint, ...]:
    """Up to nine sets, each holding the one before, those layers first that gain most for their cost; and ``chosen``.

    Measured like all else of the bench; by rising cost.
    """
    best: dict[str, Candidate] = {}
    for each in sorted(candidates, key=lambda one: (-one.gain_db / max(one.cost, _FREE), one.name, one.precision)):
        best.setdefault(each.name, each)
    order = list(best.values())
    counts = sorted({round(len(order) * step / _POINTS) for step in range(_POINTS + 1)})
    sets: list[Choices] = [{one.name: one.precision for one in order[:count]} for count in counts]
    points = [_point(bench, choices, costs) for choices in [*sets, *([chosen] if chosen else [])]]
    return tuple(sorted(dict.fromkeys(points), key=lambda point: (point.cost, -point.drop_db)))


def _point(bench: Bench, choices: Choices, costs: Mapping[str, LayerCost]) -> PromotionPoint:
    scores = bench.at(choices)
    extra = sum(costs[name].of(precision) or 0.0 for name, precision in choices.items())
    return PromotionPoint(
        promoted=len(choices), cost=round(sum(cost.int8 for cost in costs.values()) + extra, 4),
        drop_db=round(scores.drop_db(bench.floating), 6) + 0.0,
        worst_drop_db=round(scores.worst_drop_db(bench.floating), 6) + 0.0,
    )  # fmt: skip
