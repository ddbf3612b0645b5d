"""The budgets that a candidate is held against before it is trained, and after."""

from __future__ import annotations

import math

from compress.schema import Budget
from compress.search.records import Limit, Trial


def limits_of(budget: Budget) -> tuple[Limit, ...]:
    """What of the target's budget is known of an untrained build. The others are left to the full run's gate."""
    found = (
        ("max_latency_ms", budget.max_latency_ms, "ms"),
        ("min_fps", None if (budget.min_fps or 0) <= 0 else 1000.0 / (budget.min_fps or 1), "ms"),
        ("max_params", budget.max_params, "parameters"),
        ("max_size_bytes", budget.max_size_bytes, "B"),
    )
    return tuple(Limit(name=name, limit=limit, unit=unit) for name, limit, unit in found if limit is not None)


def latency_limit(limits: tuple[Limit, ...]) -> float | None:
    """The tightest limit in ms."""
    return min((each.limit for each in limits if each.unit == "ms"), default=None)


def excess(trial: Trial, limits: tuple[Limit, ...]) -> dict[str, float]:
    """By limit, how far beyond it the candidate is, as a share of it; not above 0 where it holds."""
    figures = {"ms": trial.ms, "parameters": trial.params, "B": trial.size_bytes}
    known = ((each, figures[each.unit]) for each in limits)
    return {
        each.name: figure / each.limit - 1.0 if each.limit > 0 else math.inf
        for each, figure in known if figure is not None
    }  # fmt: skip


def broken(trial: Trial, limits: tuple[Limit, ...]) -> str:
    """The limits that do not hold, with figures, empty where all do."""
    figures = {"ms": trial.ms, "parameters": trial.params, "B": trial.size_bytes}
    over = excess(trial, limits)
    return "; ".join(
        f"{each.name}: {figures[each.unit]:,.6g} {each.unit}, at most {each.limit:,.6g}"
        for each in limits if over.get(each.name, 0.0) > 0
    )  # fmt: skip


def pareto(trials: tuple[Trial, ...]) -> tuple[int, ...]:
    """Numbers of the fully tried candidates that no other beats in both dB and ms, by rising ms."""
    whole = sorted((t for t in trials if t.state == "trained" and t.ms is not None), key=_fast_then_good)
    front: list[Trial] = []
    for trial in whole:
        if not front or trial.psnr_db[-1] > front[-1].psnr_db[-1]:
            front.append(trial)
    return tuple(trial.number for trial in front)


def best(trials: tuple[Trial, ...]) -> tuple[Trial, ...]:
    """The fully tried candidates, the best dB first, the faster where these are equal."""
    whole = (trial for trial in trials if trial.state == "trained")
    return tuple(sorted(whole, key=lambda trial: (-trial.psnr_db[-1], trial.ms or 0.0, trial.number)))


def _fast_then_good(trial: Trial) -> tuple[float, float, int]:
    return trial.ms or 0.0, -trial.psnr_db[-1], trial.number
