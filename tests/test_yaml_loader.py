"""YAML reads as JSON values: numbers are numbers, words are words, equal keys are refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compress.config.yaml_loader import parse_yaml
from compress.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-4", 3e-4), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0), ("-1.5E+2", -150.0),
        ("24", 24), ("-7", -7), ("+7", 7), ("010", 10), ("0x1F", 31), ("0o17", 15),
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("y", "y"),
        ("1:30", "1:30"), ("1_000", "1_000"), ("2024-01-01", "2024-01-01"), (".inf", ".inf"), (".nan", ".nan"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("'24'", "24"), ('"on"', "on"),
        ("[1, 2]", [1, 2]), ("{a: 1}", {"a": 1}), ("../x", "../x"), ("<<", "<<"), ("=", "="), ("٣", "٣"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    read = parse_yaml(text, "key")
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3", "the key 'a' is given twice (line 3, column 1)"),
        ("a: {x: 1, 'x': 2}", "the key 'x' is given twice"),
        ("1: 2", "keys must be text"),
        ("? [1]\n: 2", "keys must be text"),
        ("null: 2", "keys must be text"),
        ("&a [*a]", "anchors and aliases"),
        ("*a", "anchors and aliases"),
        ("!!python/object/apply:os.system ['true']", "tags (!)"),
        ("!!int '010'", "tags (!)"),
        ("a: 1\n---\nb: 2", "more than one document"),
        ("1e999", "too large"),
        ("9" * 400, "too long"),
        ("a: b: c", "mapping values are not allowed"),
        ("'open", "end of stream"),
        ("\x00", "not YAML"),
        ("\ud800", "not YAML"),
        ('"\\ud800"', "half a character"),
        ("[" * 5000, "nested too deeply"),
        ("{a: " * 5000, "nested too deeply"),
    ],
)
def test_refusals_are_one_line_that_opens_with_the_place(text: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "recipes/x.yaml")
    (problem,) = caught.value.problems
    assert problem.startswith("recipes/x.yaml: ")
    assert says in problem
    assert "\n" not in problem


_keys = st.text(st.characters(codec="ascii", categories=["L", "Nd"]), min_size=1, max_size=8)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(_values)
def test_json_reads_back_as_itself(value: object) -> None:
    assert parse_yaml(json.dumps(value), "key") == value


@given(st.text(max_size=40))
def test_any_text_gives_json_or_one_line(text: str) -> None:
    try:
        value = parse_yaml(text, "key")
    except ConfigError as error:
        assert len(error.problems) == 1
        assert "\n" not in error.problems[0]
    else:
        json.dumps(value, allow_nan=False)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_python_floats_are_never_text(number: float) -> None:
    assert parse_yaml(repr(number), "key") == number
