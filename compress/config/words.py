"""The words of the command line: ``key=value``, split at commas into the points of a sweep.

Commas inside brackets, braces or quotes belong to the value: ``student.width=24,32`` are two points,
``target.export.size=[400,600]`` is one. So do the commas of prose, by which nothing is chosen (``data.licence``).
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass

from compress.config.names import Group, listing
from compress.config.yaml_loader import Json, parse_yaml
from compress.errors import ConfigError

NAME_GROUPS: dict[str, Group] = {"recipe": "recipes", "target": "targets", "data": "calibration"}
_PAIRS = {"[": "]", "{": "}"}
_PROSE = ("description", "licence")
"""Last parts of the keys that are sentences for people: they are never swept."""


@dataclass(frozen=True)
class Choice:
    """One key with the values it takes in turn; ``values`` are read as YAML, names stay text."""

    key: str
    values: tuple[Json, ...]


def split_commas(text: str) -> tuple[str, ...]:
    """Split at the commas that stand outside of brackets, braces and quotes.

    Brackets and quotes that don't match up leave the text whole: YAML then says what is wrong with it.
    A quote opens only where a value begins, so an apostrophe in the middle of a word stays a letter.
    """
    parts: list[str] = []
    closers: list[str] = []
    quote, start, fresh, escaped = "", 0, True, False
    for i, letter in enumerate(text):
        if quote:
            closes = letter == quote and not escaped
            escaped = quote == '"' and letter == "\\" and not escaped
            quote = "" if closes else quote
        elif letter in "'\"" and fresh:
            quote = letter
        elif letter in _PAIRS:
            closers.append(_PAIRS[letter])
        elif letter in _PAIRS.values():
            if not closers or closers.pop() != letter:
                return (text,)
        elif letter == "," and not closers:
            parts.append(text[start:i])
            start = i + 1
        fresh = letter in ",[{: " and not quote
    return (*parts, text[start:]) if not quote and not closers else (text,)


def parse_words(words: tuple[str, ...]) -> tuple[tuple[Choice, ...], tuple[str, ...]]:
    """The choices that could be read, in the order given, and a line for each word that couldn't."""
    problems: list[str] = []
    choices: dict[str, Choice | None] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            problems.append(_not_a_setting(word))
        elif key in choices:
            problems.append(f"{key}: given twice; to try several values, put commas between them")
        else:
            choices[key] = None
            try:
                choices[key] = Choice(key, _values(key, text))
            except ConfigError as error:
                problems.extend(error.problems)
    for key in set(choices) - set(NAME_GROUPS):
        inner = [other for other in choices if other.startswith(key + ".")]
        problems.extend(f"{key}: overlaps with {other}; give one of the two" for other in inner)
    return tuple(choice for choice in choices.values() if choice), tuple(problems)


def _values(key: str, text: str) -> tuple[Json, ...]:
    parts = (text,) if key.rpartition(".")[2] in _PROSE else split_commas(text)
    if len(parts) > 1 and any(not part.strip() for part in parts):
        raise ConfigError((f"{key}: a value is missing beside a comma in '{text}'",))
    if key in NAME_GROUPS:
        values: tuple[Json, ...] = parts
    else:
        values = tuple(parse_yaml(part, key) for part in parts)
    if any(part[:1].isspace() and isinstance(value, str) for part, value in zip(parts[1:], values[1:], strict=True)):
        quoted = shlex.quote(f"{key}={json.dumps(text)}")
        way = f"for a comma in the value itself, put quotes inside the shell's: {quoted}"
        raise ConfigError((f"{key}: a comma starts a sweep, with no space behind it; {way}",))
    for i, value in enumerate(values):
        if any(value == other and type(value) is type(other) for other in values[:i]):
            raise ConfigError((f"{key}: {parts[i]} is listed twice",))
    return values


def _not_a_setting(word: str) -> str:
    for key, group in NAME_GROUPS.items():
        if word in listing(group):
            return f"'{word}': should be key=value. Did you mean '{key}={word}'?"
    if word.startswith("="):
        return f"'{word}': a key is missing before the '='"
    return f"'{word}': should be key=value, like student.width=24"
