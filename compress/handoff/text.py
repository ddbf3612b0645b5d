"""A comparison as Markdown, for a pull request, a changelog or a terminal."""

from __future__ import annotations

from compress.handoff.records import SECTIONS, BundleDiff, Change, Side

_TITLES = {
    "contract": "Contract", "quality": "Quality", "speed": "Speed", "size": "Size and weights",
    "provenance": "Provenance", "status": "Status and verdict", "files": "Other files",
}  # fmt: skip
_MEANINGS = {
    "major": "firmware breaks", "minor": "other builds under the same contract", "patch": "nothing that runs differs",
}  # fmt: skip
_BREAKS = "**breaks firmware**"


def markdown(diff: BundleDiff) -> str:
    """Heading, the two sides, and a table for each section that has changes, the contract's first."""
    lines = [
        f"## {escaped(diff.old.name)}: {diff.level} ({_MEANINGS[diff.level]})", "",
        f"{side_line('old', diff.old)}  ", f"{side_line('new', diff.new)}  ", f"{version_line(diff)}", "",
    ]  # fmt: skip
    if not diff.changes:
        lines.append("No difference.")
    for section in SECTIONS:
        found = [each for each in diff.changes if each.section == section]
        if found:
            lines += [f"### {_TITLES[section]}", "", "| what | old | new | |", "| --- | --- | --- | --- |"]
            lines += [f"| {' | '.join(escaped(cell) for cell in cells(each))} |" for each in found]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def bullets(changes: tuple[Change, ...]) -> str:
    """The same, a line a change, for a changelog."""
    parts = []
    for section in SECTIONS:
        found = [each for each in changes if each.section == section]
        if found:
            lines = [f"- {escaped(_sentence(each))}" for each in found]
            parts.append("\n".join([f"### {_TITLES[section]}", "", *lines]))
    return "\n\n".join(parts) + "\n" if parts else "No difference in what runs.\n"


def cells(change: Change) -> tuple[str, str, str, str]:
    """What, old, new, and what to know of it; a dash for what is not there."""
    mark = _BREAKS if change.level == "major" else ""
    note = "; ".join(text for text in (mark, change.note) if text)
    return change.what, "–" if change.old is None else change.old, "–" if change.new is None else change.new, note


def title(section: str) -> str:
    """The heading of a section."""
    return _TITLES[section]


def meaning(level: str) -> str:
    """What a level says to who writes firmware."""
    return _MEANINGS[level]


def side_line(which: str, side: Side) -> str:
    """One bundle in a line."""
    version = f" {side.version}" if side.version else ""
    manifest = f", manifest {side.manifest_sha256[:12]}…" if side.manifest_sha256 else ""
    return f"{which}: {printable(side.name)}{version}, {side.status}{manifest}, signature {side.signature}"


def version_line(diff: BundleDiff) -> str:
    """Which version the new bundle should have, and whether it says so."""
    line = f"version: {diff.old.version} raised by {diff.level} is {diff.next_version}"
    named = diff.new.version
    return line if named in ("", diff.next_version) else f"{line}; the new bundle says {named}"


def printable(text: str) -> str:
    """On one line and without what a terminal would obey: a bundle's words are not ours."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def escaped(text: str) -> str:
    """For a cell or a line of Markdown: no cell ends early, no HTML begins."""
    return printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _sentence(change: Change) -> str:
    _, old, new, note = cells(change)
    said = f"{change.what}: {old} → {new}" if change.old is not None else f"{change.what}: {new}"
    return f"{said} ({note})" if note else said
