"""What a report is about: a bundle's records, read from its folder alone or with what the store still holds of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from compress.backlight.records import FOLDER as BACKLIT
from compress.backlight.records import read_backlit
from compress.bundle.manifest import MANIFEST, from_bytes
from compress.bundle.provenance import Provenance
from compress.degradation.records import KernelReport
from compress.errors import SignatureError, UserError
from compress.looks.given import GIVEN
from compress.looks.records import FOLDER, Looks, read_looks
from compress.records import BuildList, QualityReport, Record, SpeedReport, VerdictRecord
from compress.report.rows import Results, SummaryRow
from compress.sensitivity.records import SensitivityReport

REPORTED = "builds.json"
Kind = TypeVar("Kind", bound=Record)


class ReportedBuilds(Record):
    """``report/builds.json``: all that was built, not only what ships, and the device's ``runtime``."""

    runtime: str
    listed: BuildList


@dataclass(frozen=True)
class Subject:
    """Everything a page shows of one bundle.

    ``looks_folder``: where the crops lie, if there are any; ``given``, ``given_folder``: the same of given pictures,
    enlarged, that have no truth; ``backlit``, ``backlit_folder``: of pictures lit from one side. ``reasons``: why it is
    a draft; empty: a release; None: not known, for it has no manifest.
    """

    title: str
    results: Results
    verdict: VerdictRecord
    looks: Looks | None = None
    looks_folder: Path | None = None
    given: Looks | None = None
    given_folder: Path | None = None
    backlit: Looks | None = None
    backlit_folder: Path | None = None
    provenance: Provenance | None = None
    reasons: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Earlier:
    """What another run measured; ``name``: its day and the beginning of its key in the store."""

    name: str
    device: str
    rows: tuple[SummaryRow, ...]


def read_subject(
    folder: Path, shipped: BuildList, exported: Callable[[str], BuildList | None] = lambda key: None
) -> Subject:
    """Read the bundle in ``folder``, whose contract lists ``shipped``.

    ``exported``: gives what the store has of the builds under a key of ``export``; asked for a bundle made before it
    held them itself. Raises UserError for a report that can't be read.
    """
    report = folder / "report"
    try:
        quality = QualityReport.read(report / "quality.json")
        verdict = VerdictRecord.read(report / "verdict.json")
        speed = _read(SpeedReport, report / "speed.json") or no_speed()
        sensitivity = _read(SensitivityReport, report / "sensitivity.json")
        kernel = _read(KernelReport, report / "kernel.json")
        reported = _read(ReportedBuilds, report / REPORTED)
        provenance = _read(Provenance, folder / "provenance.json")
        looks, given = read_looks(report / FOLDER), read_looks(report / GIVEN / FOLDER)
        uneven, lit = read_backlit(report / BACKLIT), read_looks(report / BACKLIT / FOLDER)
    except FileNotFoundError as error:
        raise UserError(f"{error.filename}: not there, so there is nothing to report; name a bundle") from None
    except (OSError, ValidationError) as error:
        what = error.title if isinstance(error, ValidationError) else error.strerror
        raise UserError(f"{report}: can't be read ({what}); name a bundle that this version made") from None
    listed = reported.listed if reported else _exported(provenance, exported) or shipped
    runtime = reported.runtime if reported else device_runtime(quality, listed)
    named = f"{provenance.recipe} on {provenance.target}, data {provenance.data}" if provenance else folder.name
    results = Results(listed, quality, speed, runtime, sensitivity, kernel, uneven)
    return Subject(
        title=named, results=results, verdict=verdict, looks=looks,
        looks_folder=report / FOLDER if looks else None, given=given,
        given_folder=report / GIVEN / FOLDER if given else None, backlit=lit,
        backlit_folder=report / BACKLIT / FOLDER if lit else None, provenance=provenance, reasons=_reasons(folder),
    )  # fmt: skip


def _exported(provenance: Provenance | None, exported: Callable[[str], BuildList | None]) -> BuildList | None:
    keys = {each.stage: each.key for each in provenance.chain} if provenance else {}
    return exported(keys["export"]) if "export" in keys else None


def device_runtime(quality: QualityReport, listed: BuildList) -> str:
    """The device's runtime where it is not recorded: the first that int8 was measured through, else of what ships."""
    measured = [row.runtime for row in quality.rows if row.variant == "int8" and row.runtime not in ("torch", "none")]
    return next(iter([*measured, *(build.runtime for build in listed.builds if build.ships)]), "onnx")


def _read(kind: type[Kind], path: Path) -> Kind | None:
    return kind.read(path) if path.is_file() else None


def no_speed() -> SpeedReport:
    """Of what holds no timings."""
    return SpeedReport(device="", fingerprint={}, rows=(), not_measured="the bundle has no speed.json")


def _reasons(folder: Path) -> tuple[str, ...] | None:
    try:
        return from_bytes((folder / MANIFEST).read_bytes()).reasons
    except (OSError, SignatureError):
        return None
