"""Semantic versions of bundles (semver.org 2.0.0, MAJOR.MINOR.PATCH without labels)."""

from __future__ import annotations

import re

from compress.errors import UserError
from compress.handoff.records import Level

_FORM = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\Z")

Numbers = tuple[int, int, int]


def numbers(version: str) -> Numbers:
    """To be compared. Raises UserError for anything but three plain numbers."""
    found = _FORM.match(version)
    if found is None:
        raise UserError(f"{version!r} is no version; three numbers like 1.4.0")
    major, minor, patch = (int(part) for part in found.groups())
    return major, minor, patch


def raised(version: str, level: Level) -> str:
    """``version`` raised by ``level``: always above it, the lower numbers back at 0."""
    major, minor, patch = numbers(version)
    if level == "major":
        return f"{major + 1}.0.0"
    if level == "minor":
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + 1}"
