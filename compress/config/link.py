"""From the words of ``compress simulate`` to a link, or to everything that is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pydantic import ValidationError

from compress.config.load import load_yaml
from compress.config.names import did_you_mean, listing, unknown_name
from compress.config.problems import problems_of
from compress.config.yaml_loader import Json, parse_yaml
from compress.errors import ConfigError
from compress.schema.link import Link

GROUP = "link"


def load_link(words: tuple[str, ...]) -> tuple[str, Link]:
    """The link's name and its values: the file's, then those of the words. Raises ConfigError with all problems."""
    problems: list[str] = []
    given: dict[str, Json] = {}
    names: list[str] = []
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            problems.append(f"'{word}': should be key=value, like {GROUP}=coal_mine or cameras=8")
        elif key in given or (key == GROUP and names):
            problems.append(f"{key}: given twice")
        elif key == GROUP:
            names.append(text)
        elif key not in Link.model_fields:
            problems.append(f"{key}: no such key.{did_you_mean(key, (GROUP, *Link.model_fields))}")
        else:
            try:
                given[key] = parse_yaml(text, key)
            except ConfigError as error:
                problems.extend(error.problems)
    problems += _name_problems(names)
    path = listing("links").get(names[0]) if names else None
    try:
        link = Link.model_validate_json(json.dumps({**(load_yaml(path) if path else {}), **given}))
    except ValidationError as error:
        problems += [line for key, line in problems_of(error, "") if path or key in given]
    if problems:
        raise ConfigError(tuple(problems))
    return names[0], link


def _name_problems(names: list[str]) -> Iterator[str]:
    known = listing("links")
    if not names:
        yield f"{GROUP}: not given; add {GROUP}=NAME, one of: {', '.join(known) or 'none found'}"
    elif names[0] not in known:
        yield unknown_name("links", names[0], known)
