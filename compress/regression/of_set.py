"""Metrics that are of all test pictures together, mAP above all: one figure against one, without an interval."""

from __future__ import annotations

from compress.records import QualityReport, QualityRow
from compress.regression.records import Allowance, Difference
from compress.report.verdict import mean

NO_INTERVAL = "of all pictures together, so without an interval"


def judge_of_set(
    candidate: tuple[QualityReport, QualityRow], baseline: tuple[QualityReport, QualityRow], name: str,
    allowed: Allowance,
) -> tuple[Difference, ...]:  # fmt: skip
    """Each metric that the candidate's row has, candidate minus baseline, turned so that less is worse."""
    (mine, after), (theirs, before) = candidate, baseline
    found = []
    for each in after.others:
        facts = mine.metric(each.metric)
        old = before.values(each.metric)
        title = f"{name}, {facts.heading if facts else each.metric}"
        why = "" if mine.images == theirs.images else "other test pictures"
        if why or not old:
            found.append(Difference(name=title, unit="", limit=-allowed.metric_loss, figure=None, result="incomplete",
                                    note=why or "not measured in the baseline"))  # fmt: skip
            continue
        figure = mean(each.values) - mean(old)
        figure = figure if facts is None or facts.higher_is_better else -figure
        result = "pass" if figure >= -allowed.metric_loss else "fail"  # fails for NaN
        found.append(Difference(name=title, unit="", limit=-allowed.metric_loss, figure=figure, result=result,
                                note=NO_INTERVAL))  # fmt: skip
    return tuple(found)
