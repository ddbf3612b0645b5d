"""YAML as plain JSON values, without the surprises of YAML 1.1.

PyYAML reads ``3e-4`` as text, ``on`` and ``no`` as booleans, ``010`` as 8, ``1:30`` as 90 and lets the
last of two equal keys win. Here scalars follow the core schema of YAML 1.2.2 (section 10.3.2), equal
keys are an error, and anchors, tags, infinities and several documents in one file are refused, so what
comes out is always a tree of JSON values. Files and the values on the command line go through here alike.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from compress.errors import ConfigError

Json = None | bool | int | float | str | list[Any] | dict[str, Any]

MAX_DIGITS = 300
_INT = r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"
_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2 and nothing that isn't JSON."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refusal("anchors and aliases (& and *) are not supported", event.start_mark)
        if getattr(event, "tag", None):
            raise _refusal("tags (!) are not supported", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise _refusal("keys must be text; put it in quotes", key.start_mark)
            if key.value in seen:
                raise _refusal(f"the key '{key.value}' is given twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _refusal(problem: str, mark: yaml.Mark | None) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _number(loader: _Loader, node: yaml.ScalarNode) -> int | float:
    text = node.value
    if len(text) > MAX_DIGITS:
        raise _refusal("this number is too long", node.start_mark)
    if node.tag.endswith(":int"):
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    value = float(text)
    if math.isinf(value):
        raise _refusal(f"the number {text} is too large", node.start_mark)
    return value


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    """JSON writes what lies beyond 16 bits as two escapes, which YAML would leave as two halves."""
    try:
        return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise _refusal("half a character (a lone surrogate)", node.start_mark) from None


def _prepare() -> None:
    """Fill the loader's tables. The order matters: what looks like an integer is one."""
    tag = "tag:yaml.org,2002:"
    _Loader.add_implicit_resolver(tag + "null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
    _Loader.add_implicit_resolver(tag + "bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
    _Loader.add_implicit_resolver(tag + "int", re.compile(rf"^(?:{_INT})$", re.ASCII), list("-+0123456789"))
    _Loader.add_implicit_resolver(tag + "float", re.compile(rf"^(?:{_FLOAT})$", re.ASCII), list("-+.0123456789"))
    _Loader.add_constructor(tag + "str", _text)
    _Loader.add_constructor(tag + "int", _number)
    _Loader.add_constructor(tag + "float", _number)


_prepare()


def parse_yaml(text: str, where: str) -> Json:
    """The one document in ``text`` as JSON values; an empty one is None.

    ``where`` (a path, or a dotted key) opens the message of the ConfigError that bad YAML raises.
    """
    try:
        value: Json = yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader, made stricter)
    except yaml.MarkedYAMLError as error:
        mark, what = error.problem_mark, error.problem or error.context or "can't be read"
        what = "more than one document" if "another document" in what else what
        line = f" (line {mark.line + 1}, column {mark.column + 1})" if mark and "\n" in text.rstrip("\n") else ""
        raise ConfigError((f"{where}: {what}{line}",)) from None
    except yaml.YAMLError as error:
        raise ConfigError((f"{where}: not YAML: {' '.join(str(error).split())}",)) from None
    except RecursionError:
        raise ConfigError((f"{where}: nested too deeply",)) from None
    return value
