"""What ``compress diff`` finds."""

from __future__ import annotations

from typing import Literal

from compress.records import Record

Level = Literal["major", "minor", "patch"]
"""After semver.org 2.0.0: firmware breaks; other builds under the same contract; nothing that runs differs."""

SectionName = Literal["contract", "quality", "speed", "size", "provenance", "status", "files"]
SECTIONS: tuple[SectionName, ...] = ("contract", "quality", "speed", "size", "provenance", "status", "files")
"""In the order they are shown in: what breaks firmware first."""

LEVELS: tuple[Level, ...] = ("patch", "minor", "major")


class Change(Record):
    """One difference. ``old`` or ``new`` is None where the bundle has no such thing; units are in the texts."""

    section: SectionName
    what: str
    old: str | None
    new: str | None
    level: Level
    note: str = ""


class Side(Record):
    """One of the two bundles. ``manifest_sha256``: empty for a bundle that is not sealed yet."""

    name: str
    version: str
    status: str
    key_id: str
    manifest_sha256: str
    signature: Literal["verified", "not verified"]


class BundleDiff(Record):
    """``level``: the highest of the changes, ``patch`` where there are none. ``next_version``: the old one, raised."""

    format: Literal["compress-diff/1"] = "compress-diff/1"
    old: Side
    new: Side
    level: Level
    next_version: str
    changes: tuple[Change, ...]


def highest(changes: tuple[Change, ...]) -> Level:
    """The level that a version has to be raised by."""
    return max((each.level for each in changes), key=LEVELS.index, default="patch")
