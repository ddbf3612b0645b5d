"""From measurements and costs to the choice of wider layers, and to the report of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from compress.metrics import DEFINITION
from compress.schema import Promotion
from compress.sensitivity.measure import Bench, LayerScores, Loss, Scores
from compress.sensitivity.promote import Candidate, Choices, cheapest, wider_precisions, widest
from compress.sensitivity.records import LayerCost, SensitivityReport, SensitivityRow

_DECIMALS = 6


def choose(
    bench: Bench, ranking: Bench, scores: tuple[LayerScores, ...], costs: Mapping[str, LayerCost],
    promotion: Promotion,
) -> Choices:  # fmt: skip
    """Layers to make wider. None where the budget holds, or where the target has nothing beyond int8.

    ``scores`` are of ``ranking`` and say in which order sets are tried; what holds is measured on ``bench``.

    Where not even all layers are enough, those are promoted that alone bring something: as good as it gets.
    """
    holds = partial(_holds_with, bench, promotion)
    if not wider_precisions(promotion) or holds({}):
        return {}
    candidates = all_candidates(bench, ranking, scores, costs, promotion)
    deficit_db = _missing(bench, promotion)[0]
    found = cheapest(candidates, deficit_db, holds)
    if found is None:
        found = {each.name: each.precision for each in widest(candidates) if each.gain_db > 0}
    return found


def all_candidates(
    bench: Bench, ranking: Bench, scores: tuple[LayerScores, ...], costs: Mapping[str, LayerCost],
    promotion: Promotion,
) -> list[Candidate]:  # fmt: skip
    """Every layer in every precision beyond int8 that the target has; gains are of the part of the budget that breaks.

    A gain of the worst picture where the mean holds, else of the mean.
    """
    worst = _missing(bench, promotion)[1]
    before = _part(ranking.lost(ranking.at({})), worst)

    def gain_db(after: Scores) -> float:
        return before - _part(ranking.lost(after), worst)

    return [one for each in scores for one in _candidates(each, gain_db, costs[each.layer.name], promotion)]


def _missing(bench: Bench, promotion: Promotion) -> tuple[float, bool]:
    """How many dB of the budget int8 alone lacks, and whether they are of the worst picture."""
    found, mean, worst = bench.lost(bench.at({})), promotion.max_int8_drop_db, promotion.max_worst_drop_db
    over_mean = found.mean_db - (mean or 0.0)
    if worst is None or mean is not None and over_mean > 0:
        return over_mean, False
    return found.worst_db - worst, True


def _part(loss: Loss, worst: bool) -> float:
    return loss.worst_db if worst else loss.mean_db


def breaks(bench: Bench, promotion: Promotion) -> bool:
    """Whether int8 alone breaks the budget."""
    return not _holds(bench.lost(bench.at({})), promotion)


def _candidates(
    each: LayerScores, gain_db: Callable[[Scores], float], cost: LayerCost, promotion: Promotion
) -> tuple[Candidate, ...]:
    tried = {"int16": each.wide, "float": each.without}
    return tuple(
        Candidate(each.layer.name, gain_db(scores), price, precision)
        for precision in wider_precisions(promotion)
        if (scores := tried[precision]) is not None and (price := cost.of(precision)) is not None
    )


def _holds_with(bench: Bench, promotion: Promotion, choices: Choices) -> bool:
    return _holds(bench.lost(bench.at(choices)), promotion)


def _holds(loss: Loss, promotion: Promotion) -> bool:
    mean, worst = promotion.max_int8_drop_db, promotion.max_worst_drop_db
    return (mean is None or loss.mean_db <= mean) and (worst is None or loss.worst_db <= worst)


def make_report(
    bench: Bench, ranking: Bench, scores: tuple[LayerScores, ...], costs: Mapping[str, LayerCost], chosen: Choices,
    promotion: Promotion,
) -> SensitivityReport:  # fmt: skip
    """The report, without what it was measured on; rows of ``ranking``, all else of ``bench``."""
    everything, after = bench.at({}), bench.at(chosen)
    lost, left = bench.lost(everything), bench.lost(after)
    rows = [_row(ranking, each, costs[each.layer.name], chosen) for each in scores]
    first = next(iter(costs.values()), None)
    return SensitivityReport(
        definition=DEFINITION, data_kind="", data_digest="", split="val", images=(),
        float_psnr_db=_rounded(bench.floating.mean_db), drop_db=_rounded(lost.mean_db),
        worst_drop_db=_rounded(lost.worst_db), limit_db=promotion.max_int8_drop_db,
        worst_limit_db=promotion.max_worst_drop_db, wider=wider_precisions(promotion),
        promoted=tuple(row.layer for row in rows if row.promoted_to),
        rows=tuple(sorted(rows, key=lambda row: (-row.cost_alone_db, row.closeness_db))),
        drop_after_db=_rounded(left.mean_db), worst_drop_after_db=_rounded(left.worst_db),
        cost_of_promotion=round(sum(row.promotion_cost or 0.0 for row in rows), 4),
        closeness_db=_rounded(everything.mean_closeness_db), closeness_after_db=_rounded(after.mean_closeness_db),
        cost_unit=first.unit if first else "MMAC",
        cost_origin=first.origin if first else "estimated", holds=_holds(left, promotion),
        untrained=promotion.untrained,
    )  # fmt: skip


def _row(bench: Bench, each: LayerScores, cost: LayerCost, chosen: Choices) -> SensitivityRow:
    alone, everything = bench.lost(each.alone), bench.lost(bench.at({})).mean_db
    return SensitivityRow(
        layer=each.layer.name, quantizers=each.layer.quantizers, cost_alone_db=_rounded(alone.mean_db),
        worst_alone_db=_rounded(alone.worst_db),
        gain_if_float_db=_rounded(everything - bench.lost(each.without).mean_db),
        gain_if_16bit_db=None if each.wide is None else _rounded(everything - bench.lost(each.wide).mean_db),
        closeness_db=_rounded(each.alone.mean_closeness_db), cost=cost, promoted_to=chosen.get(each.layer.name),
    )  # fmt: skip


def _rounded(value: float) -> float:
    return round(value, _DECIMALS) + 0.0
