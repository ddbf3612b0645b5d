"""Two bundles side by side: what breaks firmware first, then quality, speed, size, provenance and status."""

from __future__ import annotations

from typing import Any

from compress.handoff.contract_rules import contract_changes
from compress.handoff.facts import Facts
from compress.handoff.leaves import Leaf, Path, leaves, show
from compress.handoff.measured import quality_changes, speed_changes
from compress.handoff.records import BundleDiff, Change, Level, highest
from compress.handoff.version import raised

_BUILDS = "builds/"
_MADE = ("key", "digest", "sources_digest", "git_commit")
"""Of a stage's provenance: all of them change when it is made anew, so they are told in one line."""


def difference(old: Facts, new: Facts) -> BundleDiff:
    """Every change from ``old`` to ``new``, and the version that it makes.

    Figures that differ count as ``minor`` only where a build's own bytes do: a second measurement of the same
    bytes says nothing new of the builds.
    """
    sizes = _size_changes(old, new)
    contract = contract_changes(old.contract, new.contract)
    measured: Level = "minor" if sizes or contract else "patch"
    variants, names = (_shipped(old, field) | _shipped(new, field) for field in ("variant", "name"))
    changes = (
        *contract,
        *quality_changes(old, new, variants, measured),
        *speed_changes(old, new, names, measured),
        *sizes,
        *_provenance_changes(old, new),
        *_status_changes(old, new),
        *_file_changes(old, new),
    )
    level = highest(changes)
    return BundleDiff(
        old=old.side, new=new.side, level=level, next_version=raised(old.side.version, level), changes=changes
    )


def _builds(facts: Facts) -> list[dict[str, Any]]:
    listed = facts.contract.get("builds", []) if isinstance(facts.contract, dict) else []
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _shipped(facts: Facts, field: str) -> frozenset[str]:
    return frozenset(str(each[field]) for each in _builds(facts) if field in each)


def _size_changes(old: Facts, new: Facts) -> tuple[Change, ...]:
    """Files of builds whose bytes differ, came or went."""
    before, after = ({p: d for p, d in side.files.items() if p.startswith(_BUILDS)} for side in (old, new))
    return tuple(
        Change(
            section="size", what=path, old=_size(old, path) if path in before else None,
            new=_size(new, path) if path in after else None, level="minor", note=_shrunk(old, new, path),
        )
        for path in sorted({*before, *after}) if before.get(path) != after.get(path)
    )  # fmt: skip


def _size(facts: Facts, path: str) -> str:
    return f"{facts.sizes_bytes[path]:,} bytes"


def _shrunk(old: Facts, new: Facts, path: str) -> str:
    before, after = old.sizes_bytes.get(path), new.sizes_bytes.get(path)
    if not before or after is None:
        return ""
    return f"other bytes, {after / before - 1:+.1%} in size" if before != after else "other bytes, of the same size"


def _provenance_changes(old: Facts, new: Facts) -> tuple[Change, ...]:
    """A line for each stage that was made anew, then one for each other fact."""
    before, after = leaves(old.provenance), leaves(new.provenance)
    stages = dict.fromkeys(path[1] for path in (*before, *after) if _of_stage(path))
    made = [_stage_change(stage, before, after) for stage in stages]
    facts = [
        Change(
            section="provenance", what=_said(path), old=show(before[path]) if path in before else None,
            new=show(after[path]) if path in after else None, level="patch",
        )
        for path in dict.fromkeys((*before, *after))
        if not _of_stage(path) and ((path in before) != (path in after) or before[path] != after[path])
    ]  # fmt: skip
    return (*(each for each in made if each is not None), *facts)


def _of_stage(path: Path) -> bool:
    return len(path) == 3 and path[0] == "chain" and path[2] in _MADE


def _stage_change(stage: str, before: dict[Path, Leaf], after: dict[Path, Leaf]) -> Change | None:
    """What a stage left, by its digest, and the commit that it was made at."""
    one, two = (
        {name: side[place] for name in _MADE if (place := ("chain", stage, name)) in side} for side in (before, after)
    )
    if one == two:
        return None
    same_code = one.get("sources_digest") == two.get("sources_digest")
    note = ("made by the same code" if same_code else "made by other code") if one and two else ""
    return Change(section="provenance", what=stage, old=_made(one), new=_made(two), level="patch", note=note)


def _made(facts: dict[str, Leaf]) -> str | None:
    if not facts:
        return None
    commit = facts.get("git_commit")
    return show(facts.get("digest", "")) + (f" at commit {show(commit)}" if commit else "")


def _said(path: Path) -> str:
    return f"{path[1]}: {'.'.join(path[2:])}" if path[0] == "chain" and len(path) > 2 else ".".join(path)


def _status_changes(old: Facts, new: Facts) -> tuple[Change, ...]:
    pairs: list[tuple[str, str | None, str | None]] = [
        ("name", old.side.name, new.side.name),
        ("status", old.side.status, new.side.status),
        ("reasons for a draft", "; ".join(old.reasons) or None, "; ".join(new.reasons) or None),
        ("signer's key", show(old.side.key_id), show(new.side.key_id)),
        ("verdict", old.result, new.result),
    ]
    before, after = ({each.name: each for each in side.checks} for side in (old, new))
    for name in dict.fromkeys((*before, *after)):
        one, two = before.get(name), after.get(name)
        pairs.append((f"budget {name}", one.result if one else None, two.result if two else None))
    return tuple(
        Change(section="status", what=what, old=was, new=now, level="patch") for what, was, now in pairs if was != now
    )


def _file_changes(old: Facts, new: Facts) -> tuple[Change, ...]:
    """Everything else, by folder: golden frames, report, tools, licences. Nothing where one side isn't sealed yet."""
    if not old.side.manifest_sha256 or not new.side.manifest_sha256:
        return ()
    found: dict[str, dict[str, int]] = {}
    for path in sorted({*old.files, *new.files}):
        one, two = old.files.get(path), new.files.get(path)
        if one != two and not path.startswith(_BUILDS):
            top, _, rest = path.partition("/")
            kind = "came" if one is None else "gone" if two is None else "changed"
            counts = found.setdefault(f"{top}/" if rest else top, {})
            counts[kind] = counts.get(kind, 0) + 1
    return tuple(
        Change(
            section="files", what=place, old=None, new=", ".join(f"{n} {kind}" for kind, n in sorted(counts.items())),
            level="patch",
        )
        for place, counts in found.items()
    )  # fmt: skip
