"""The page of two bundles: what the candidate lost against the baseline, and how that looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from compress.bundle.provenance import Provenance
from compress.records import Check
from compress.regression.ci import figures
from compress.regression.pictures import PictureDelta, Pictures, compare_pictures
from compress.regression.records import RegressionReport, Session
from compress.report.html.document import document
from compress.report.html.page import Table, network_table, status_of
from compress.report.html.pictures import Board, Tile, board
from compress.report.markdown import check_cells
from compress.report.reference import called
from compress.report.rows import footnotes
from compress.report.subject import Subject

_MOST_SHOWN = 8
"""Pictures with crops: who looks at more has the two reports."""
_CHECK_HEADINGS = ("budget", "limit", "candidate", "result", "baseline", "result before", "limit before")
_GATE_HEADINGS = ("what", "limit", "difference", "interval (99 % or as said)", "result", "note")


@dataclass(frozen=True)
class Side:
    """One of the two bundles; ``place``: its folder, in words of who asked."""

    role: str
    place: str
    status: str
    result: str
    networks: Table
    notes: tuple[str, ...]
    provenance: Provenance | None
    device: str
    fingerprint: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Page:
    """What the template of the page may look at."""

    candidate: str
    baseline: str
    result: str
    result_before: str
    gate_result: str
    gate: Table | None
    sessions: tuple[Session, ...]
    checks: Table
    reasons: tuple[str, ...]
    boards: tuple[Board, ...]
    shown: frozenset[str]
    looks_note: str
    deltas: tuple[PictureDelta, ...]
    runtime: str
    why_not: str
    psnr_name: str
    ssim_name: str
    sides: tuple[Side, ...]


@dataclass(frozen=True)
class Compared:
    """A bundle with the words that it is called by on the page."""

    subject: Subject
    place: str


def comparison_page(candidate: Compared, baseline: Compared, gate: RegressionReport | None = None) -> str:
    """The whole page as text; ``gate``: what was found when both were timed again. Raises OSError for a lost crop."""
    mine, theirs = candidate.subject, baseline.subject
    pictures = compare_pictures(mine.results.quality, theirs.results.quality)
    shown = _boards(mine, theirs, pictures)
    page = Page(
        candidate=mine.title, baseline=theirs.title if theirs.title != mine.title else baseline.place,
        result=mine.verdict.result, result_before=theirs.verdict.result, gate_result=gate.result if gate else "",
        gate=_gate_table(gate) if gate else None, sessions=gate.sessions if gate else (),
        checks=_checks(mine, theirs), reasons=mine.verdict.reasons,
        boards=shown, shown=frozenset(each.image for each in shown), looks_note=_looks_note(mine, theirs, shown),
        deltas=pictures.deltas, runtime=pictures.runtime, why_not=pictures.why_not,
        psnr_name=called(mine.results.quality, "PSNR"), ssim_name=called(mine.results.quality, "SSIM"),
        sides=(_side("candidate", candidate), _side("baseline", baseline)),
    )  # fmt: skip
    return document("comparison.html.j2", page)


def _side(role: str, side: Compared) -> Side:
    subject = side.subject
    return Side(
        role=role, place=side.place, status=status_of(subject), result=subject.verdict.result,
        networks=replace(network_table(subject), caption=f"Networks of the {role}"), notes=footnotes(subject.results),
        provenance=subject.provenance, device=subject.results.speed.device,
        fingerprint=tuple(sorted(subject.results.speed.fingerprint.items())),
    )  # fmt: skip


def _gate_table(gate: RegressionReport) -> Table:
    rows = tuple((each.name, *figures(each), each.result, each.note) for each in gate.differences)
    return Table("Differences, candidate against baseline", _GATE_HEADINGS, rows)


def _checks(candidate: Subject, baseline: Subject) -> Table:
    """Each budget that one of them has, with what both came to."""
    mine, theirs = ({check.name: check for check in each.verdict.checks} for each in (candidate, baseline))
    names = list(dict.fromkeys((*mine, *theirs)))
    rows = tuple(_check_row(name, mine.get(name), theirs.get(name)) for name in names)
    return Table("Budgets of both", _CHECK_HEADINGS, rows)


def _check_row(name: str, mine: Check | None, theirs: Check | None) -> tuple[str, ...]:
    def texts(check: Check | None) -> tuple[str, str, str]:
        if check is None:
            return "–", "–", "–"
        _, limit, figure, result, _ = check_cells(check)
        return limit, f"{figure} ({check.origin})" if check.origin else figure, result

    (limit, figure, result), (limit_before, figure_before, result_before) = texts(mine), texts(theirs)
    return name, limit, figure, result, figure_before, result_before, limit_before


def _boards(candidate: Subject, baseline: Subject, pictures: Pictures) -> tuple[Board, ...]:
    """Crops of both of the pictures that lost most, where both have them, of the same box."""
    found: list[Board] = []
    for delta in pictures.deltas:
        mine = candidate.looks.of(delta.image) if candidate.looks else None
        theirs = baseline.looks.of(delta.image) if baseline.looks else None
        if mine is None or theirs is None or mine.box != theirs.box:
            continue
        shared = board(candidate, mine, kinds=("input", "teacher", "truth"))
        own = board(candidate, mine, " candidate", ("float", "int8"))
        before = board(baseline, theirs, " baseline", ("float", "int8"))
        tiles = (*own.tiles, *before.tiles)
        found.append(replace(shared, tiles=(*_of(tiles, "int8"), *_of(tiles, "float"), *reversed(shared.tiles))))
        if len(found) == _MOST_SHOWN:
            break
    return tuple(found)


def _of(tiles: tuple[Tile, ...], kind: str) -> tuple[Tile, ...]:
    return tuple(tile for tile in tiles if tile.kind.startswith(kind))


def _looks_note(candidate: Subject, baseline: Subject, shown: tuple[Board, ...]) -> str:
    absent = [role for role, each in (("candidate", candidate), ("baseline", baseline)) if each.looks is None]
    if absent:
        return f"No crops to compare: the {' and the '.join(absent)} has none."
    if not shown:
        return "No crops to compare: no picture was cut in both at the same place."
    return f"{len(shown)} pictures that lost most (or won least) of those that were cut in both."


def place_name(folder: Path) -> str:
    """A bundle's folder in two words: the store's own name for it, or where it lies."""
    return folder.parent.name if folder.name == "bundle" else folder.name
