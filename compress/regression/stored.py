"""Speeds of two sessions apart: what a candidate's own report says against what was stored with the accepted baseline.

Only for where the baseline's files are gone. Compared are the samples of two sessions under an equal fingerprint; what
differs between sessions as wholes (a neighbour on the host, memory laid out another way) is in neither of them, so the
allowance is wider than for builds that run in turn (ADR 0019).
"""

from __future__ import annotations

import math

from compress.records import SpeedReport, SpeedRow
from compress.regression.interval import median_gap_interval
from compress.regression.records import Allowance, Difference

_PASSING = ("clock_mhz", "load_average_1min", "temperature_c", "throttled_times", "peak_memory_mib")
"""Facts that change from minute to minute; all others of a fingerprint must be equal."""

_FEWEST_RUNS = 30


def differing_facts(candidate: SpeedReport, baseline: SpeedReport) -> tuple[str, ...]:
    """A line for each fact that a repeated measurement should share and these don't, the device first."""
    mine, theirs = ({"device": each.device, **each.fingerprint} for each in (candidate, baseline))
    names = [name for name in dict.fromkeys((*mine, *theirs)) if name.removesuffix("_after") not in _PASSING]
    return tuple(
        f"{name} is {mine.get(name, 'not known')}, was {theirs.get(name, 'not known')}"
        for name in names if mine.get(name) != theirs.get(name)
    )  # fmt: skip


def judge_stored(
    builds: tuple[str, ...], candidate: SpeedReport | None, baseline: SpeedReport | None, allowed: Allowance
) -> tuple[Difference, ...]:
    """How much slower ``builds`` are by the figures of both reports; *incomplete*, and why, where these can't tell."""
    if candidate is None or baseline is None:
        lacks = "baseline" if baseline is None else "candidate"
        return (_incomplete("slowdown", allowed, f"no stored figures: the {lacks} has none"),)
    differing = differing_facts(candidate, baseline)
    if differing:
        why = f"stored figures are of another machine or state: {'; '.join(differing)}"
        return (_incomplete("slowdown", allowed, why),)
    mine, theirs = ({row.build: row for row in report.rows} for report in (candidate, baseline))
    pairs = [(mine[name], theirs[name]) for name in builds if name in mine and name in theirs]
    if not pairs:
        return (_incomplete("slowdown", allowed, "no stored figures of a build that both ship"),)
    return tuple(_judge(*pair, allowed) for pair in pairs)


def _judge(mine: SpeedRow, theirs: SpeedRow, allowed: Allowance) -> Difference:
    name, limit = f"{mine.build}, slowdown by stored figures", allowed.stored_slowdown
    if min(len(mine.samples_ms), len(theirs.samples_ms)) < _FEWEST_RUNS:
        return _incomplete(name, allowed, f"fewer than {_FEWEST_RUNS} runs stored")
    logs = (tuple(map(math.log, row.samples_ms)) for row in (mine, theirs))
    figure, low, high = (math.expm1(value) for value in median_gap_interval(*logs))
    return Difference(
        name=name, unit="", limit=limit, figure=figure, low=low, high=high,
        result="fail" if low > limit else "pass", note="two sessions apart, equal fingerprints",
    )  # fmt: skip


def _incomplete(name: str, allowed: Allowance, why: str) -> Difference:
    return Difference(name=name, unit="", limit=allowed.stored_slowdown, figure=None, result="incomplete", note=why)
