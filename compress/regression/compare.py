"""A candidate bundle against a baseline bundle: what their reports say, and both builds timed again, in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from compress.devices.remote import Tell
from compress.errors import UserError
from compress.records import Build, QualityReport, SpeedReport, VerdictRecord
from compress.regression.judge import judge_quality, judge_speed
from compress.regression.measure import paired, same_bytes
from compress.regression.records import Allowance, Difference, RegressionReport, Session, overall
from compress.regression.stored import judge_stored
from compress.runtimes.on_board import Named
from compress.runtimes.site import Site


@dataclass(frozen=True)
class Bundle:
    """A bundle's folder, the builds that it ships, and what its report says. ``absent``: why there are no builds;
    ``speed``: None where the report has none."""

    folder: Path
    builds: tuple[Build, ...]
    quality: QualityReport
    verdict: VerdictRecord
    absent: str | None = None
    speed: SpeedReport | None = None


@dataclass(frozen=True)
class Where:
    """Where both are timed, and in how many rounds. ``asked``: whether ``site`` was named, so that stored figures have
    to be of it as well; else those of any device will do."""

    site: Site = Site()
    rounds: int = 300
    asked: bool = False


def read_bundle(folder: Path, builds: tuple[Build, ...]) -> Bundle:
    """Raises UserError where ``folder``/report can't be read."""
    report = folder / "report"
    try:
        quality, verdict = QualityReport.read(report / "quality.json"), VerdictRecord.read(report / "verdict.json")
    except (OSError, ValidationError):
        raise UserError(f"{report}: no quality.json and verdict.json to compare; name a bundle") from None
    return Bundle(folder, builds, quality, verdict, speed=_speed_report(report / "speed.json"))


def _speed_report(path: Path) -> SpeedReport | None:
    try:
        return SpeedReport.read(path) if path.is_file() else None
    except ValidationError:
        raise UserError(f"{path}: can't be read; make the bundle again") from None


def compare(candidate: Bundle, baseline: Bundle, allowed: Allowance, where: Where, tell: Tell) -> RegressionReport:
    """Every difference with its interval. Raises BuildError, DeviceError, and Busy."""
    pairs = list(_pairs(candidate, baseline, where.site))
    found = [_own_budgets(candidate.verdict)]
    for runtime in dict.fromkeys(build.runtime for build in candidate.builds):
        found += judge_quality(candidate.quality, baseline.quality, runtime, allowed)
    sessions: list[Session] = []
    found += [_speed(mine, theirs, allowed, where, sessions, tell) for mine, theirs in pairs]
    if baseline.absent:
        found += _stored(candidate, baseline, baseline.absent, allowed, where)
    elif not pairs:
        why = where.site.absent or f"the bundles ship no build {_for(where.site)}for the same runtime and size"
        found.append(Difference(name="slowdown", unit="", limit=0, figure=None, result="incomplete", note=why))
    return RegressionReport(
        candidate=str(candidate.folder), baseline=str(baseline.folder), result=overall(tuple(found)),
        differences=tuple(found), sessions=tuple(sessions),
    )  # fmt: skip


def _pairs(candidate: Bundle, baseline: Bundle, site: Site) -> Iterator[tuple[Named, Named]]:
    """Fixed-size builds that both ship for one runtime and size; a target's board runs those of its own runtime."""
    before = {(build.runtime, build.height, build.width): build for build in baseline.builds}
    for build in candidate.builds:
        other = before.get((build.runtime, build.height, build.width))
        elsewhere = site.board is not None and site.runtime not in (None, build.runtime)
        if build.height is not None and other is not None and not elsewhere and site.absent is None:
            yield Named("candidate", candidate.folder, build), Named("baseline", baseline.folder, other)


def _for(site: Site) -> str:
    return f"that the target's board runs ({site.runtime}), " if site.board is not None and site.runtime else ""


def _stored(candidate: Bundle, baseline: Bundle, absent: str, allowed: Allowance, where: Where) -> Iterator[Difference]:
    """By what both sessions left, for the baseline's files are not there."""
    names = tuple(build.name for build in candidate.builds if build.height is not None)
    for each in judge_stored(names, candidate.speed, baseline.speed, allowed, where.site if where.asked else None):
        yield each.model_copy(update={"note": f"{absent}; {each.note}"})


def _own_budgets(verdict: VerdictRecord) -> Difference:
    failed = [check.name for check in verdict.checks if check.result != "pass"]
    return Difference(
        name="the candidate's own budgets", unit="", limit=0, figure=None, result=verdict.result,
        note="; ".join((", ".join(failed), *verdict.reasons)) if verdict.result != "pass" else "",
    )  # fmt: skip


def _speed(
    mine: Named, theirs: Named, allowed: Allowance, where: Where, sessions: list[Session], tell: Tell
) -> Difference:
    """Leaves in ``sessions`` where it was timed, if it was."""
    name, limit = f"{mine.build.name}, slowdown", allowed.slowdown
    if same_bytes(mine, theirs):
        return Difference(
            name=name, unit="", limit=limit, figure=0.0, low=0.0, high=0.0, result="pass", note="the same files"
        )  # fmt: skip
    if where.site.board is None and not where.site.times(mine.build):
        why = f"{mine.build.runtime} builds can't be timed on this machine; name the board with --on or --target"
        return Difference(name=name, unit="", limit=limit, figure=None, result="incomplete", note=why)
    done = paired(mine, theirs, where.rounds, where.site, tell)
    sessions.append(
        Session(build=mine.build.name, device=done.device, fingerprint=done.fingerprint, not_as_wanted=done.unmet)
    )
    if done.times is None:
        why = f"{done.device} is not as the target wants it: {'; '.join(done.unmet)}"
        return Difference(name=name, unit="", limit=limit, figure=None, result="incomplete", note=why)
    return judge_speed(mine.build.name, *done.times, allowed)
