"""Quality and speed of two bundles, by what their reports hold; judged by the rules of the gate, nothing run again."""

from __future__ import annotations

from compress.handoff.facts import Facts
from compress.handoff.records import Change, Level
from compress.records import QualityReport, QualityRow, SpeedReport, SpeedRow
from compress.regression.judge import judge_quality
from compress.regression.records import Allowance
from compress.regression.stored import differing_facts, judge_stored
from compress.regression.yardstick import why_not_comparable
from compress.report.reference import called

_FACTS_SHOWN = 3


def quality_changes(old: Facts, new: Facts, shipped: frozenset[str], level: Level) -> tuple[Change, ...]:
    """Means of every network that ships (``shipped``: its variant), through each runtime that it was measured through.

    ``level``: what a changed figure amounts to, ``minor`` where builds differ, else ``patch``: measured again.
    """
    before, after = (_rows(side.quality, shipped) for side in (old, new))
    note = _not_comparable(old.quality, new.quality)
    changes: list[Change] = []
    for key in dict.fromkeys((*before, *after)):
        one, two = before.get(key), after.get(key)
        figures = (
            ("PSNR", "dB", 3, _psnr), ("SSIM", "", 4, _ssim), ("PSNR by equal means", "dB", 3, _gtmean),
            ("PSNR to the float network", "dB", 2, _to_float),
        )  # fmt: skip
        for name, unit, digits, of in figures:
            was, now = (_mean(of(row), digits, unit) if row else None for row in (one, two))
            if was != now:
                said = note or (_interval(old, new, key) if name == "PSNR" else "")
                side = new.quality or old.quality
                what = f"{key[0]} through {key[1]}: {called(side, name) if side else name}"
                changes.append(Change(section="quality", what=what, old=was, new=now, level=level, note=said))
        if not any(row and row.psnr_db for row in (one, two)):
            changes += _of_set(key, (one, two), note, level)
    return tuple(changes)


def _of_set(
    key: tuple[str, str], rows: tuple[QualityRow | None, QualityRow | None], note: str, level: Level
) -> list[Change]:
    """The metrics of what does not answer with pictures."""
    names = dict.fromkeys(each.metric for row in rows if row for each in row.others)
    found = []
    for name in names:
        was, now = (_mean(row.values(name), 4, "") if row else None for row in rows)
        if was != now:
            what = f"{key[0]} through {key[1]}: {name}"
            found.append(Change(section="quality", what=what, old=was, new=now, level=level, note=note))
    return found


def speed_changes(old: Facts, new: Facts, shipped: frozenset[str], level: Level) -> tuple[Change, ...]:
    """Median latency of the builds in ``shipped``; a ratio only where both were timed under an equal fingerprint."""
    before, after = (_timed(side.speed, shipped) for side in (old, new))
    apart = differing_facts(new.speed, old.speed) if old.speed and new.speed else ()
    changes = []
    for name in dict.fromkeys((*before, *after)):
        was, now = (_latency(rows.get(name)) for rows in (before, after))
        if was == now:
            continue
        note = _ratio(old, new, name) if name in before and name in after and not apart else ""
        if apart and name in before and name in after:
            more = f" and {len(apart) - _FACTS_SHOWN} more" if len(apart) > _FACTS_SHOWN else ""
            note = f"not comparable, another machine or state: {'; '.join(apart[:_FACTS_SHOWN])}{more}"
        changes.append(Change(section="speed", what=f"{name}: p50", old=was, new=now, level=level, note=note))
    return tuple(changes)


def _rows(report: QualityReport | None, shipped: frozenset[str]) -> dict[tuple[str, str], QualityRow]:
    return {(row.variant, row.runtime): row for row in (report.rows if report else ()) if row.variant in shipped}


def _timed(report: SpeedReport | None, shipped: frozenset[str]) -> dict[str, SpeedRow]:
    return {row.build: row for row in (report.rows if report else ()) if row.build in shipped}


def _psnr(row: QualityRow) -> tuple[float, ...]:
    return row.psnr_db


def _ssim(row: QualityRow) -> tuple[float, ...]:
    return row.ssim


def _gtmean(row: QualityRow) -> tuple[float, ...]:
    return row.psnr_gtmean_db


def _to_float(row: QualityRow) -> tuple[float, ...]:
    return row.psnr_to_float_db


def _mean(values: tuple[float, ...], digits: int, unit: str) -> str | None:
    return f"{sum(values) / len(values):.{digits}f} {unit}".rstrip() if values else None


def _not_comparable(old: QualityReport | None, new: QualityReport | None) -> str:
    if old is None or new is None:
        return ""
    why = why_not_comparable(new, old)
    if why:
        return f"not comparable: {why}"
    return "" if old.images == new.images else "not comparable: other pictures of the same set"


def _interval(old: Facts, new: Facts, key: tuple[str, str]) -> str:
    """The gate's interval of the mean difference, which it has for int8."""
    if key[0] != "int8" or old.quality is None or new.quality is None:
        return ""
    found = judge_quality(new.quality, old.quality, key[1], Allowance())[0]
    if found.figure is None or found.low is None or found.high is None:
        return ""
    return f"{found.figure:+.3f} dB ({found.low:+.3f} to {found.high:+.3f})"


def _latency(row: SpeedRow | None) -> str | None:
    return f"{row.p50_ms:.3f} ms, {row.fps:.1f} FPS ({row.origin})" if row else None


def _ratio(old: Facts, new: Facts, name: str) -> str:
    """What the gate says of two sessions apart."""
    found = judge_stored((name,), new.speed, old.speed, Allowance())[0]
    if found.figure is None or found.low is None or found.high is None:
        return f"no ratio: {found.note}"
    return f"{found.figure:+.1%} time ({found.low:+.1%} to {found.high:+.1%}), two sessions, equal fingerprints"
