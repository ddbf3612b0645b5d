"""From the words of the command to validated plans, or to everything that is wrong with them.

    recipe=kd_int8 target=jetson,x86_edge student.width=24 data=lol data.root=../lol

A value comes from the schema's default, then the YAML file, then the command line; a later one wins. A
partly given group keeps the other defaults of its place in the schema (``quantize.train`` trains in fp32
unless told otherwise, whatever else is said of it). Every point of a sweep is checked before anything runs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from compress.config.keys import PREFIXES, defaults, is_known, keys_below, parts_of, split_prefix, unknown_key
from compress.config.names import Group, listing, show_path, unknown_name
from compress.config.problems import problems_of
from compress.config.tasks import for_task
from compress.config.words import NAME_GROUPS, Choice, parse_words
from compress.config.yaml_loader import Json, parse_yaml
from compress.errors import ConfigError
from compress.plan import COMMAND_LINE, NO_TARGET, Plan
from compress.schema import DataSpec, Recipe, Target

Model = TypeVar("Model", bound=BaseModel)
MAX_POINTS = 1000
MAX_FILE_BYTES = 1 << 20


def load_plans(words: tuple[str, ...], *, tries_operators: bool = True) -> tuple[Plan, ...]:
    """The plans that the words ask for, in sweep order, each complete and checked.

    ``tries_operators``: whether the untrained student is exported once where the target lacks operators.

    Raises ConfigError with all problems of all points, each once.
    """
    from compress.config.plan_checks import check_plan

    choices, unread = parse_words(words)
    problems = [*unread, *_key_problems(choices), *_name_problems(choices, words)]
    count = prod(len(choice.values) for choice in choices)
    if count > MAX_POINTS:
        raise ConfigError((*problems, f"this sweep makes {count} plans; at most {MAX_POINTS} at once"))
    plans: list[Plan] = []
    known = [c for c in choices if c.key in NAME_GROUPS or (is_known(c.key) and not keys_below(c.key))]
    for values in product(*(choice.values for choice in known)):
        point = dict(zip((choice.key for choice in known), values, strict=True))
        try:
            plan = _plan(point)
            if plan:
                problems.extend(check_plan(plan, tries_operators=tries_operators))
                plans.append(plan)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(tuple(dict.fromkeys(problems)))
    return tuple(plans)


def load_yaml(path: Path) -> dict[str, Json]:
    """The mapping in a recipe, target or calibration file. Raises ConfigError."""
    where = show_path(path)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError((f"{where}: larger than {MAX_FILE_BYTES >> 20} MiB, not a configuration file",))
        value = parse_yaml(path.read_text(encoding="utf-8-sig"), where)
    except UnicodeDecodeError:
        raise ConfigError((f"{where}: not UTF-8 text",)) from None
    except OSError as error:
        raise ConfigError((f"{where}: can't be read: {error.strerror}",)) from None
    if not isinstance(value, dict):
        raise ConfigError((f"{where}: should be a group of 'key: value' lines",))
    return value


def load_recipe(path: Path) -> Recipe:
    """The recipe in a file, on its own. Raises ConfigError."""
    return _Draft("", path, {}).build(Recipe)


def load_target(path: Path) -> Target:
    """The target in a file, on its own. Raises ConfigError."""
    return _Draft("target.", path, {}).build(Target)


def load_data(path: Path) -> DataSpec:
    """The calibration set in a file, on its own. Raises ConfigError."""
    return _Draft("data.", path, {}).build(DataSpec)


@dataclass
class _Draft:
    """A recipe, target or calibration set on its way: defaults, then the file, then the command line."""

    prefix: str
    path: Path | None
    overrides: dict[str, Json]

    def __post_init__(self) -> None:
        self.origins: dict[str, str] = {}
        self.raw: dict[str, Json] = defaults(PREFIXES[self.prefix])
        if self.path:
            given = load_yaml(self.path)
            _merge(self.raw, given)
            self.origins.update({self.prefix + key: show_path(self.path) for key in _leaf_keys(given)})
        self.problems = [problem for key, value in self.overrides.items() if (problem := self._set(key, value))]

    def build(self, model: type[Model]) -> Model:
        """The validated model. Where there is no file, only the command line's mistakes are reported."""
        try:
            valid = model.model_validate_json(json.dumps(self.raw))
        except ValidationError as error:
            found = problems_of(error, self.prefix)
            self.problems += [line + self._where(key) for key, line in found if self.path or self._from_command(key)]
            raise ConfigError(tuple(self.problems)) from None
        if self.problems:
            raise ConfigError(tuple(self.problems))
        return valid

    def _set(self, key: str, value: Json) -> str | None:
        """Put a value at a dotted key; gives the problem where there is no such place."""
        *parents, last = parts_of(key.removeprefix(self.prefix))
        here: Any = self.raw
        for part in parents:
            here = _step(here, part)
        if isinstance(here, dict):
            here[last] = deepcopy(value)
        elif isinstance(here, list) and last.isdigit() and int(last) < len(here):
            here[int(last)] = deepcopy(value)
        else:
            return f"{key}: nothing there to change; the list is shorter (its items count from 0)"
        for lost in [old for old in self.origins if old.startswith(key + ".")]:
            del self.origins[lost]
        self.origins[key] = COMMAND_LINE
        return None

    def _from_command(self, key: str) -> bool:
        return any(key == given or key.startswith(given + ".") for given in self.overrides)

    def _where(self, key: str) -> str:
        return "" if self._from_command(key) or not self.path else f" ({show_path(self.path)})"


def _plan(point: dict[str, Json]) -> Plan | None:
    """One point of the sweep. None where a name is unknown: that has been said already."""
    problems: list[str] = []
    names = {key: point.get(key) for key in NAME_GROUPS}
    models: dict[str, BaseModel] = {}
    drafts: list[_Draft] = []
    for key, prefix, model in (("recipe", "", Recipe), ("target", "target.", Target), ("data", "data.", DataSpec)):
        if key == "data" and names["data"] is None and "recipe" in models:
            names["data"] = getattr(models["recipe"], "data")  # noqa: B009
            problems.extend(_unknown("data", str(names["data"]), " (the recipe's own)"))
        mine = {name: value for name, value in point.items() if name not in ("recipe", "target")}
        mine = {name: value for name, value in mine.items() if split_prefix(name)[0] == prefix}
        try:
            draft = _Draft(prefix, listing(NAME_GROUPS[key]).get(str(names[key])), mine)
            drafts.append(draft)
            models[key] = draft.build(model)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(tuple(problems))
    recipe, target, data = models.get("recipe"), models.get("target"), models.get("data")
    complete = all(draft.path for draft in drafts if draft.prefix != "target." or names["target"] is not None)
    if not (complete and isinstance(recipe, Recipe) and isinstance(target, Target) and isinstance(data, DataSpec)):
        return None
    recipe, data = for_task(recipe.model_copy(update={"student": recipe.student.settled()}), data)
    origins = {key: origin for draft in drafts for key, origin in draft.origins.items()}
    target_name = NO_TARGET if names["target"] is None else str(names["target"])
    return Plan(str(names["recipe"]), target_name, str(names["data"]), recipe, target, data, origins)


def _key_problems(choices: tuple[Choice, ...]) -> Iterator[str]:
    for key in (choice.key for choice in choices if choice.key not in NAME_GROUPS):
        below = keys_below(key)
        if not is_known(key):
            yield unknown_key(key)
        elif below:
            yield f"{key}: is a group of keys; give them one by one, like {below[0]}=…"


def _name_problems(choices: tuple[Choice, ...], words: tuple[str, ...]) -> Iterator[str]:
    given = {choice.key: choice.values for choice in choices}
    for key, group in NAME_GROUPS.items():
        if key == "recipe" and not any(word.startswith("recipe=") for word in words):
            yield f"{key}: not given; add {key}=NAME, one of: {', '.join(listing(group)) or 'none found'}"
        for name in given.get(key, ()):
            yield from _unknown(key, str(name))


def _unknown(key: str, name: str, note: str = "") -> Iterator[str]:
    group: Group = NAME_GROUPS[key]
    known = listing(group)
    if name not in known:
        yield unknown_name(group, name, known) + note


def _merge(base: dict[str, Json], over: dict[str, Json]) -> None:
    """Lay ``over`` upon ``base``, group by group; lists and values are replaced whole."""
    for key, value in over.items():
        below = base.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            _merge(below, value)
        else:
            base[key] = deepcopy(value)


def _leaf_keys(tree: dict[str, Json]) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from (f"{key}.{leaf}" for leaf in _leaf_keys(value))
        else:
            yield key


def _step(here: Any, part: str) -> Any:
    if isinstance(here, dict):
        return here.get(part)
    if isinstance(here, list) and part.isdigit() and int(part) < len(here):
        return here[int(part)]
    return None
