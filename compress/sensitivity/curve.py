"""Quality against time as layers are promoted one by one: what a budget costs, and where it takes all that int8 won."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from compress.sensitivity.measure import Bench
from compress.sensitivity.promote import Candidate, Choices, by_worth
from compress.sensitivity.records import LayerCost, PromotionPoint

_POINTS = 4

Times = Callable[[Sequence[Choices]], list[float | None]]
"""Median ms of the whole network with each choice, None where that can't be timed."""


def promotion_curve(
    bench: Bench, candidates: Sequence[Candidate], costs: Mapping[str, LayerCost], chosen: Choices, times: Times
) -> tuple[PromotionPoint, ...]:
    """Up to five sets, each holding the one before, those layers first that gain most for their cost; and ``chosen``.

    Measured like all else of the bench; by rising cost.
    """
    best: dict[str, Candidate] = {}
    for each in by_worth(candidates):
        best.setdefault(each.name, each)
    order = list(best.values())
    counts = sorted({round(len(order) * step / _POINTS) for step in range(_POINTS + 1)})
    sets: list[Choices] = [{one.name: one.precision for one in order[:count]} for count in counts]
    sets = [each for each in sets if each != chosen] + [chosen]
    points = [
        _point(bench, choices, costs, latency_ms, choices == chosen)
        for choices, latency_ms in zip(sets, times(sets), strict=True)
    ]
    return tuple(sorted(points, key=lambda point: (point.cost, point.promoted)))


def _point(
    bench: Bench, choices: Choices, costs: Mapping[str, LayerCost], latency_ms: float | None, chosen: bool
) -> PromotionPoint:  # fmt: skip
    lost = bench.lost(bench.at(choices))
    extra = sum(costs[name].of(precision) or 0.0 for name, precision in choices.items())
    return PromotionPoint(
        promoted=len(choices), cost=round(sum(cost.int8 for cost in costs.values()) + extra, 4),
        drop_db=round(lost.mean_db, 6) + 0.0, worst_drop_db=round(lost.worst_db, 6) + 0.0, latency_ms=latency_ms,
        chosen=chosen,
    )  # fmt: skip
