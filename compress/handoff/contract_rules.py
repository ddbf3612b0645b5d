"""Which facts of a contract break firmware when they change, and which don't. The one table of that.

The first rule whose pattern fits decides. A fact that no rule knows breaks: a new field of the contract is
taken to matter until somebody says here that it doesn't.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from compress.handoff.leaves import Leaf, Path, leaves, show
from compress.handoff.records import Change, Level

Effect = Literal["breaks", "breaks if larger", "new", "told"]
"""``new``: the build differs under the same contract. ``told``: said in other words or of something beside it."""


@dataclass(frozen=True)
class Rule:
    """``pattern``: of the fact's path below its build, parts joined by dots; ``*`` also spans dots."""

    pattern: str
    effect: Effect
    why: str


RULES = (
    Rule("size_bytes", "new", "the file is read whole, whatever its size"),
    Rule("variant", "new", "how it was trained is not how it is fed"),
    Rule("*sha256", "new", "other bytes of the same build"),
    Rule("*note", "told", "words for people"),
    Rule("*_origin", "told", "where a figure comes from"),
    Rule("*.memory.weights_bytes", "new", "part of the file"),
    Rule("*memory*", "breaks if larger", "firmware may have set aside just as much"),
    Rule("*alignment_bytes", "breaks if larger", "buffers may lie at just so much"),
    Rule("tiling.halo_px", "breaks if larger", "tiles may overlap by just so much"),
    Rule("tiling.whole", "new", "layers of the network, by name"),
    Rule("name", "breaks", "firmware chooses a build by its name"),
    Rule("files", "breaks", "firmware opens a build by its file names"),
    Rule("runtime", "breaks", "another library has to load it"),
    Rule("height", "breaks", "the picture must be of this size"),
    Rule("width", "breaks", "the picture must be of this size"),
    Rule("*.name", "breaks", "tensors are bound by name"),
    Rule("*.shape", "breaks", "buffers have this shape"),
    Rule("*.layout", "breaks", "the order of the bytes"),
    Rule("*.dtype", "breaks", "the type of each value"),
    Rule("contract.maps*", "breaks", "which objects are found, and how boxes are read"),
    Rule("*.low", "breaks", "the range of the values"),
    Rule("*.high", "breaks", "the range of the values"),
    Rule("*.colour_order", "breaks", "red and blue swap places"),
    Rule("*.scale", "breaks", "what a code stands for"),
    Rule("*.zero_point", "breaks", "what a code stands for"),
    Rule("*.size_multiple", "breaks", "how the picture is padded"),
    Rule("feeding*", "breaks", "how the picture's bytes become the tensor's and back"),
    Rule("tiling*", "breaks", "how a larger picture is cut"),
    Rule("*.preprocessing", "breaks", "what is done before"),
    Rule("*.postprocessing", "breaks", "what is done after"),
)
UNKNOWN = Rule("*", "breaks", "not in the table, so taken to matter")

_FILE_RULES = (Rule("format", "new", "how the file is written"),)
"""For facts beside the builds."""

_LEVELS: dict[Effect, Level] = {"breaks": "major", "breaks if larger": "minor", "new": "minor", "told": "patch"}
_BUILDS = "builds"


def contract_changes(old: object, new: object) -> tuple[Change, ...]:
    """Every difference of two parsed ``contract.json``; the size of a build is left to the section ``size``."""
    before, after = _by_build(old), _by_build(new)
    changes: list[Change] = []
    for build in dict.fromkeys((*before, *after)):
        if build and build not in after:
            changes.append(_whole(build, "there", None, "major", "firmware that uses it has nothing to load"))
        elif build and build not in before:
            changes.append(_whole(build, None, "there", "minor", "came"))
        else:
            changes += _facts(build, before.get(build, {}), after.get(build, {}))
    return tuple(changes)


def rule_of(path: Path, of_build: bool = True) -> Rule:
    """The rule for the fact at ``path``, which is relative to its build where ``of_build``."""
    text = ".".join(path)
    rules = RULES if of_build else _FILE_RULES
    return next((rule for rule in rules if fnmatchcase(text, rule.pattern)), UNKNOWN)


def _whole(build: str, old: str | None, new: str | None, level: Level, note: str) -> Change:
    return Change(section="contract", what=f"build {build}", old=old, new=new, level=level, note=note)


def _by_build(contract: object) -> dict[str, dict[Path, Leaf]]:
    """Facts by build; those beside the builds under the empty name."""
    found: dict[str, dict[Path, Leaf]] = {}
    for path, leaf in leaves(contract).items():
        if len(path) > 1 and path[0] == _BUILDS:
            found.setdefault(path[1], {})[path[2:]] = leaf
        elif path[:1] != (_BUILDS,):
            found.setdefault("", {})[path] = leaf
    return found


def _facts(build: str, old: dict[Path, Leaf], new: dict[Path, Leaf]) -> list[Change]:
    changes = []
    old = {path: leaf for path, leaf in old.items() if leaf is not None or not _inside(path, new)}
    for path in dict.fromkeys((*old, *new)):
        if (path in old) == (path in new) and _same(old[path], new[path]):
            continue
        if build and path == ("size_bytes",):
            continue
        level, note = _judge(path, old, new, rule_of(path, bool(build)))
        before, after = (show(side[path]) if path in side else None for side in (old, new))
        what = f"{build}: {'.'.join(path)}" if build else ".".join(path)
        changes.append(Change(section="contract", what=what, old=before, new=after, level=level, note=note))
    return changes


def _inside(path: Path, facts: dict[Path, Leaf]) -> bool:
    """Whether there are facts below ``path``: what was None is said now."""
    return any(other[: len(path)] == path and len(other) > len(path) for other in facts)


def _same(one: Leaf, other: Leaf) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _judge(path: Path, old: dict[Path, Leaf], new: dict[Path, Leaf], rule: Rule) -> tuple[Level, str]:
    if path not in old:
        return "minor" if rule.effect != "told" else "patch", "not said before; it may have held all along"
    if path not in new:
        return ("patch", "no longer said") if rule.effect == "told" else ("major", "no longer said")
    if rule.effect == "breaks if larger":
        before, after = old[path], new[path]
        if before is None:
            return "minor", "not known before"
        grew = not (isinstance(before, int | float) and isinstance(after, int | float) and after <= before)
        return ("major", f"larger: {rule.why}") if grew else ("minor", "")
    return _LEVELS[rule.effect], rule.why if rule.effect == "breaks" else ""
