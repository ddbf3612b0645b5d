"""JSON as a flat table of facts, so that two files can be compared without knowing every field of either."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Path = tuple[str, ...]
Leaf = str | int | float | bool | None | tuple[Any, ...]

_NAMES = ("name", "stage")
"""Fields by which the objects of a list are told apart; their order says nothing."""


def leaves(value: Any) -> dict[Path, Leaf]:
    """Every fact of parsed JSON by its path. A list of plain values is one, objects of a list go by their names."""
    return dict(_walk((), value))


def _walk(path: Path, value: Any) -> Iterator[tuple[Path, Leaf]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk((*path, str(key)), inner)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        taken: set[str] = set()
        for number, inner in enumerate(value):
            called = _called(inner, number)
            called = f"{called}#{number}" if called in taken else called
            taken.add(called)
            yield from _walk((*path, called), inner)
    else:
        yield path, _frozen(value)


def _called(value: Any, number: int) -> str:
    if isinstance(value, dict):
        for field in _NAMES:
            if isinstance(value.get(field), str):
                return str(value[field])
    return str(number)


def _frozen(value: Any) -> Leaf:
    return tuple(_frozen(each) for each in value) if isinstance(value, list) else value


def show(leaf: Leaf) -> str:
    """A fact as text: digests cut to twelve digits, the rest as JSON writes it, plain text without quotes."""
    if isinstance(leaf, str):
        digits = leaf.removeprefix("sha256:")
        is_digest = len(digits) in (40, 64) and set(digits) <= set("0123456789abcdef")
        return f"{digits[:12]}…" if is_digest else leaf
    return json.dumps(leaf)
