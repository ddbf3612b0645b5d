"""The dotted keys that the schema knows: which there are, what stands at one, what a wrong one may have meant.

Recipe keys stand alone (``student.width``); a target's begin with ``target.``, a calibration set's with
``data.``. Parts of a list are reached by number: ``distill.train.phases.0.epochs``.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_jsonable_python

from compress.config.names import did_you_mean
from compress.schema import DataSpec, Recipe, Target
from compress.schema.section import WHOLE

PREFIXES: dict[str, type[BaseModel]] = {"": Recipe, "target.": Target, "data.": DataSpec}
SPACE = "search.space."
"""What stands behind it is a key itself: ``search.space.student.width``."""


def split_prefix(key: str) -> tuple[str, str]:
    """``target.budget.min_fps`` -> (``target.``, ``budget.min_fps``); a recipe's prefix is empty."""
    head, dot, rest = key.partition(".")
    return (head + dot, rest) if dot and head + dot in PREFIXES else ("", key)


def parts_of(key: str) -> tuple[str, ...]:
    """The steps from a recipe, target or set to a value: split at dots, but a key of ``search.space`` is one step."""
    if key.startswith(SPACE):
        return *SPACE.rstrip(".").split("."), key.removeprefix(SPACE)
    return tuple(key.split("."))


@cache
def all_keys() -> tuple[str, ...]:
    """Every dotted key that takes a value, lists whole."""
    return tuple(prefix + key for prefix, model in PREFIXES.items() for key in _leaves(model))


def is_known(key: str) -> bool:
    """Whether the schema has something at this dotted key: a value, a list or a group of keys."""
    return _annotation_at(key) is not None


def keys_below(key: str) -> tuple[str, ...]:
    """The full dotted keys of the group at ``key``; empty where ``key`` takes a value itself."""
    model = _section(_annotation_at(key))
    return tuple(f"{key}.{leaf}" for leaf in _leaves(model)) if model else ()


def words_allowed(key: str) -> tuple[str, ...]:
    """The words that a key chooses from; empty where it takes numbers or free text."""
    plain = _plain(_annotation_at(key))
    if plain is bool:
        return ("true", "false")
    return tuple(str(word) for word in get_args(plain)) if get_origin(plain) is Literal else ()


def unknown_key(key: str) -> str:
    """The message for a key that the schema lacks."""
    same_end = [known for known in all_keys() if known.endswith("." + key)]
    if same_end:
        return f"{key}: no such key. Did you mean {' or '.join(repr(known) for known in same_end[:3])}?"
    if is_known(key):  # below a key of search.space
        return f"{key}: no such key"
    return f"{key}: no such key.{_mended(key) or did_you_mean(key, all_keys())}"


def defaults(model: type[BaseModel]) -> dict[str, Any]:
    """The model's defaults as JSON values; fields that must be given are left out."""
    values = {name: field.get_default(call_default_factory=True) for name, field in model.model_fields.items()}
    known = {name: value for name, value in values.items() if value is not PydanticUndefined}
    return {name: to_jsonable_python(value, context=WHOLE) for name, value in known.items()}


def _leaves(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        section = _section(field.annotation)
        if section:
            yield from (f"{name}.{leaf}" for leaf in _leaves(section))
        else:
            yield name


def _plain(annotation: Any) -> Any:
    """The annotation without Annotated and without ``| None``."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        others = [arg for arg in get_args(annotation) if arg is not NoneType]
        return _plain(others[0]) if len(others) == 1 else annotation
    return annotation


def _section(annotation: Any) -> type[BaseModel] | None:
    plain = _plain(annotation)
    return plain if isinstance(plain, type) and issubclass(plain, BaseModel) else None


def _annotation_at(key: str) -> Any:
    prefix, rest = split_prefix(key)
    found: Any = PREFIXES[prefix]
    for part in parts_of(rest):
        plain = _plain(found)
        section = _section(plain)
        if section is not None and part in section.model_fields:
            found = section.model_fields[part].annotation
        elif get_origin(plain) is dict:
            found = get_args(plain)[1]
        elif get_origin(plain) is tuple and part.isascii() and part.isdigit():
            found = get_args(plain)[0]
        else:
            return None
    return found


def _children(key: str) -> tuple[str, ...]:
    """The names right below a known key; "" and "target" stand for the whole recipe and the whole target."""
    section = PREFIXES.get(key and key + ".") or _section(_annotation_at(key))
    return tuple(section.model_fields) if section else ()


def _mended(key: str) -> str:
    """The hint that mends the first wrong part of a key, where that gives a known one."""
    parts = key.split(".")
    start = next((n for n in range(len(parts) - 1, 0, -1) if _children(".".join(parts[:n]))), 0)
    for name in get_close_matches(parts[start], _children(".".join(parts[:start])), n=3):
        mended = ".".join((*parts[:start], name, *parts[start + 1 :]))
        if is_known(mended):
            return f" Did you mean '{mended}'?"
    return ""
