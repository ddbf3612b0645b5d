"""One plain line for each thing that pydantic finds wrong with a recipe, a target or a calibration set."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from compress.config.keys import unknown_key
from compress.config.names import did_you_mean

MAX_SHOWN = 60
_SHOULD_BE = {
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "text (in quotes where it looks like something else)",
    "tuple_type": "a list like [a, b]",
    "model_type": "a group of keys",
    "model_attributes_type": "a group of keys",
    "dict_type": "a group of keys",
    "greater_than": "greater than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
}


def problems_of(error: ValidationError, prefix: str) -> tuple[tuple[str, str], ...]:
    """(dotted key, message) for each mistake; ``prefix`` is "", "target." or "data."."""
    found = []
    details = error.errors(include_url=False)
    places = {detail["loc"] for detail in details}
    for detail in details:
        depth = len(detail["loc"])
        if detail["type"] == "too_short" and any(place[:depth] == detail["loc"] != place for place in places):
            continue  # only short because its wrong items don't count
        key = prefix + ".".join(str(part) for part in _place(detail["loc"]))
        found.append((key, _message(key, detail)))
    return tuple(found)


def _place(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Where a mistake is, without pydantic's word for which kind of values a key of ``search.space`` was taken for."""
    return loc[:3] + loc[4:] if loc[:2] == ("search", "space") else loc


def show_value(value: Any) -> str:
    """A value as the user would have written it, cut where it is long."""
    if value is None:
        return "nothing"
    text = f"'{value}'" if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _message(key: str, detail: ErrorDetails) -> str:
    kind, value, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(key)
    if kind == "missing":
        return f"{key}: a value is missing" if isinstance(detail["loc"][-1], int) else f"{key}: is required"
    if kind == "literal_error":
        hint = did_you_mean(value, _words(context["expected"])) if isinstance(value, str) else ""
        return f"{key}: should be one of {context['expected']}, not {show_value(value)}{'.' + hint if hint else ''}"
    if kind in ("too_short", "too_long"):
        bound = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return f"{key}: should have {bound} items, not {context['actual_length']}"
    if kind in _SHOULD_BE:
        return f"{key}: should be {_SHOULD_BE[kind].format(**context)}, not {show_value(value)}"
    if key == "package.key":
        return f"{key}: {context['error']}"  # what was given may be the secret itself
    return f"{key}: {detail['msg'][0].lower()}{detail['msg'][1:]}, not {show_value(value)}"


def _words(expected: str) -> list[str]:
    """The quoted words in pydantic's "'a', 'b' or 'c'"."""
    return expected.split("'")[1::2]
