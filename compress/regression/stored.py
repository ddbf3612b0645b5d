"""Speeds of two sessions apart: what a candidate's own report says against what was stored with the accepted baseline.

Only for where the baseline's files are gone. Compared are the samples of two sessions under an equal fingerprint, both
of a machine that had nothing else to do. What differs between sessions as wholes (a neighbour on the host, memory laid
out another way) is in neither of them, so the allowance is wider than for builds that run in turn (ADR 0019).
"""

from __future__ import annotations

import math
import statistics

from compress.devices.runner.conditions import lacking_facts
from compress.records import SpeedReport, SpeedRow
from compress.regression.interval import median_gap_interval
from compress.regression.records import Allowance, Difference
from compress.runtimes.site import Site

_PASSING = ("clock_mhz", "load_average_1min", "temperature_c", "throttled_times", "peak_memory_mib")
"""Facts that change from minute to minute; all others of a fingerprint must be equal."""

_AFTER = "_after"
_FEWEST_RUNS = 30
_BUSY = 1.25
"""Load average over processors when a session begins, at most: what the session follows may have used all of them."""
_CALM = 1.2
"""Upper over lower quartile of a session's runs, at most: one that was disturbed says nothing of another."""


def differing_facts(candidate: SpeedReport, baseline: SpeedReport) -> tuple[str, ...]:
    """A line for each fact that a repeated measurement should share and these don't, the device first."""
    mine, theirs = ({"device": each.device, **each.fingerprint} for each in (candidate, baseline))
    names = [name for name in dict.fromkeys((*mine, *theirs)) if name.removesuffix(_AFTER) not in _PASSING]
    return tuple(
        f"{name} is {mine.get(name, 'not known')}, was {theirs.get(name, 'not known')}"
        for name in names if mine.get(name) != theirs.get(name)
    )  # fmt: skip


def judge_stored(
    builds: tuple[str, ...], candidate: SpeedReport | None, baseline: SpeedReport | None, allowed: Allowance,
    site: Site | None = None,
) -> tuple[Difference, ...]:  # fmt: skip
    """How much slower ``builds`` are by the figures of both reports; *incomplete*, and why, where these can't tell.

    Where a ``site`` is named, both sessions have to be of its device, under its conditions.
    """
    if candidate is None or baseline is None:
        lacks = "baseline" if baseline is None else "candidate"
        return (_incomplete("slowdown", allowed, f"no stored figures: the {lacks} has none"),)
    differing = differing_facts(candidate, baseline)
    if differing:
        why = f"stored figures are of another machine or state: {'; '.join(differing)}"
        return (_incomplete("slowdown", allowed, why),)
    # The fingerprints are equal but for what changes by the minute, and conditions may ask for that, too.
    elsewhere = () if site is None else (*_not_at(site, "candidate", candidate), *_not_at(site, "baseline", baseline))
    if elsewhere:
        why = f"stored figures are not as the target wants them: {'; '.join(elsewhere)}"
        return (_incomplete("slowdown", allowed, why),)
    busy = _busy("candidate", candidate) + _busy("baseline", baseline)
    if busy:
        return (_incomplete("slowdown", allowed, f"stored figures of a busy machine: {'; '.join(busy)}"),)
    mine, theirs = ({row.build: row for row in report.rows} for report in (candidate, baseline))
    pairs = [(mine[name], theirs[name]) for name in builds if name in mine and name in theirs]
    if not pairs:
        return (_incomplete("slowdown", allowed, "no stored figures of a build that both ship"),)
    return tuple(_judge(*pair, allowed) for pair in pairs)


def _judge(mine: SpeedRow, theirs: SpeedRow, allowed: Allowance) -> Difference:
    name, limit = f"{mine.build}, slowdown by stored figures", allowed.stored_slowdown
    if min(len(mine.samples_ms), len(theirs.samples_ms)) < _FEWEST_RUNS:
        return _incomplete(name, allowed, f"fewer than {_FEWEST_RUNS} runs stored")
    spread = {side: _spread(row) for side, row in (("candidate", mine), ("baseline", theirs))}
    restless = [f"the {side}'s quartiles are {far:.2f} times apart" for side, far in spread.items() if far > _CALM]
    if restless:
        return _incomplete(name, allowed, f"stored figures of a disturbed session: {'; '.join(restless)}")
    logs = (tuple(map(math.log, row.samples_ms)) for row in (mine, theirs))
    figure, low, high = (math.expm1(value) for value in median_gap_interval(*logs))
    return Difference(
        name=name, unit="", limit=limit, figure=figure, low=low, high=high,
        result="fail" if low > limit else "pass", note="two sessions apart, equal fingerprints",
    )  # fmt: skip


def _not_at(site: Site, side: str, report: SpeedReport) -> tuple[str, ...]:
    """A line for each reason why a session was not one of ``site``."""
    if not site.is_at(report.device):
        return (f"the {side}'s were measured on {report.device}",)
    before = {name: value for name, value in report.fingerprint.items() if not name.endswith(_AFTER)}
    changed = {name.removesuffix(_AFTER): value for name, value in report.fingerprint.items() if name.endswith(_AFTER)}
    lines = lacking_facts(site.conditions.model_dump(mode="json"), before, {**before, **changed})
    return tuple(f"the {side}'s {line}" for line in lines)


def _busy(side: str, report: SpeedReport) -> tuple[str, ...]:
    """Whether others had the processors when the session began, where that is known."""
    load, cores = (report.fingerprint.get(name) for name in ("load_average_1min", "cores"))
    if load is None or cores is None or float(load) <= _BUSY * float(cores):
        return ()
    return (f"the {side}'s load average was {load} on {cores} cores",)


def _spread(row: SpeedRow) -> float:
    lower, _, upper = statistics.quantiles(row.samples_ms, n=4)
    return upper / lower


def _incomplete(name: str, allowed: Allowance, why: str) -> Difference:
    return Difference(name=name, unit="", limit=allowed.stored_slowdown, figure=None, result="incomplete", note=why)
