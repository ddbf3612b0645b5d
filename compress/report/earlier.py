"""Earlier runs that measured the same pictures, as far as the store still has them."""

from __future__ import annotations

from pydantic import ValidationError

from compress.errors import StoreError
from compress.records import BuildList, QualityReport, SpeedReport
from compress.regression.yardstick import why_not_comparable
from compress.report.rows import Results, summary_rows
from compress.report.subject import Earlier, Subject, device_runtime
from compress.store.store import Entry, Store


def earlier_runs(store: Store, subject: Subject) -> tuple[Earlier, ...]:
    """Measurements of the same pictures by the same definition, oldest first, without the subject's own."""
    entries = store.ls()
    exports = {each.manifest.digest: each for each in entries if each.manifest and each.manifest.gives == "Builds"}
    found = []
    for entry in entries:
        if entry.manifest is None or entry.manifest.gives != "Measurements":
            continue
        export = exports.get(entry.manifest.inputs.get("builds") or "")
        results = _results(entry, export) if export else None
        if results is not None and _same_pictures(results, subject.results) and not _same_run(results, subject.results):
            name = f"{entry.manifest.created[:16].replace('T', ' ')} ({entry.manifest.key[:8]})"
            found.append((entry.manifest.created, Earlier(name, results.speed.device, summary_rows(results))))
    return tuple(run for _, run in sorted(found, key=lambda pair: pair[0]))


def exported_builds(store: Store, export_key: str) -> BuildList | None:
    """What the stage ``export`` made under this key; None where the store no longer has it, readable."""
    try:
        sealed = store.find("export", export_key, verify=False)
        return BuildList.read(sealed.folder / "builds.json") if sealed else None
    except (OSError, ValidationError, StoreError):
        return None


def _results(entry: Entry, export: Entry) -> Results | None:
    """None for a record that this version can't read: one point fewer, no failure."""
    try:
        listed = BuildList.read(export.folder / "builds.json")
        quality = QualityReport.read(entry.folder / "quality.json")
        speed = SpeedReport.read(entry.folder / "speed.json")
    except (OSError, ValidationError):
        return None
    return Results(listed, quality, speed, device_runtime(quality, listed))


def _same_pictures(one: Results, other: Results) -> bool:
    mine, theirs = one.quality, other.quality
    return not why_not_comparable(mine, theirs) and mine.images == theirs.images


def _same_run(one: Results, other: Results) -> bool:
    return one.quality.rows == other.quality.rows and one.speed == other.speed
