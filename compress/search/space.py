"""The points of a search space: what Optuna may choose, and what each choice says on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING

from pydantic import JsonValue

from compress.config.yaml_loader import parse_yaml
from compress.errors import ConfigError
from compress.models import NETWORKS
from compress.schema import Range, SearchSpec
from compress.search.bits import Bits
from compress.search.records import Setting

if TYPE_CHECKING:
    from optuna.trial import Trial

Point = tuple[Setting, ...]
NETWORK = "student.network"
MOST_POINTS = 100_000
"""Of a finite space, as far as it is gone through for points that nothing was tried at."""


@dataclass(frozen=True)
class Choice:
    """A setting with the values it may have, or the numbers between two ends."""

    key: str
    values: tuple[JsonValue, ...] | Range

    def ask(self, trial: Trial) -> JsonValue:
        """What Optuna takes for it. Numbers in a list have an order for it, words have none."""
        if isinstance(self.values, Range):
            return _between(self.key, self.values, trial)
        if _are_numbers(self.values):
            ordered = _ordered(self.values)
            return ordered[trial.suggest_int(self.key, 0, len(ordered) - 1)]
        texts = [json.dumps(value) for value in self.values]
        value: JsonValue = json.loads(trial.suggest_categorical(self.key, texts))
        return value

    def parameter(self, value: JsonValue) -> int | str:
        """What Optuna calls ``value`` of a list."""
        assert not isinstance(self.values, Range)
        return _ordered(self.values).index(value) if _are_numbers(self.values) else json.dumps(value)


@dataclass(frozen=True)
class Space:
    """All that is searched. Settings that a network does not have are no part of its points."""

    choices: tuple[Choice, ...]
    bits: Bits | None = None

    @classmethod
    def of(cls, spec: SearchSpec, bits: Bits | None = None) -> Space:
        """The network is chosen first, for the other choices depend on it, and the bits of single layers last."""
        keys = sorted(spec.space, key=lambda key: key != NETWORK)
        single = [Choice(key, bits.precisions) for key in bits.keys] if bits else []
        return cls((*(Choice(key, _listed(spec.space[key])) for key in keys), *single), bits)

    def ask(self, trial: Trial) -> Point:
        """One point, by Optuna."""
        found: list[Setting] = []
        for choice in self.choices:
            if self._has(found, choice.key):
                found.append(Setting(key=choice.key, value=choice.ask(trial)))
        return tuple(found)

    @property
    def finite(self) -> bool:
        return not any(isinstance(choice.values, Range) for choice in self.choices)

    def untried(self, tried: set[str]) -> Point | None:
        """The first point of a finite space whose ``name_of`` is not in ``tried``; None where there is none."""
        if not self.finite:
            return None
        lists = [tuple(choice.values) for choice in self.choices if not isinstance(choice.values, Range)]
        for values in islice(product(*lists), MOST_POINTS):
            point = self._without_foreign(zip((c.key for c in self.choices), values, strict=True))
            if name_of(point) not in tried:
                return point
        return None

    def parameters(self, point: Point) -> dict[str, int | str]:
        """What Optuna calls the point of a finite space."""
        by_key = {choice.key: choice for choice in self.choices}
        return {setting.key: by_key[setting.key].parameter(setting.value) for setting in point}

    def _without_foreign(self, pairs: Iterator[tuple[str, JsonValue]]) -> Point:
        found: list[Setting] = []
        for key, value in pairs:
            if self._has(found, key):
                found.append(Setting(key=key, value=value))
        return tuple(found)

    def _has(self, found: list[Setting], key: str) -> bool:
        """Whether the network that was chosen, if one was, has the setting ``key``, or the layer that it is about."""
        if self.bits is not None and key in self.bits.keys:
            return self.bits.has(found, key)
        network = next((setting.value for setting in found if setting.key == NETWORK), None)
        return network is None or not is_of_network(key) or key.partition(".")[2] in NETWORKS[str(network)].defaults


def is_of_network(key: str) -> bool:
    """Whether ``key`` is a setting that some networks have and others don't."""
    section, _, name = key.partition(".")
    return section == "student" and any(name in network.defaults for network in NETWORKS.values())


def name_of(point: Point) -> str:
    """The same text for the same point, in whatever order it was found."""
    return json.dumps(sorted((setting.key, setting.value) for setting in point))


def word(setting: Setting) -> str:
    """``key=value`` as the command line has it, before a shell's quotes."""
    plain = isinstance(setting.value, str) and _reads_as_itself(setting.value)
    return f"{setting.key}={setting.value if plain else json.dumps(setting.value)}"


def _reads_as_itself(text: str) -> bool:
    """Without quotes: not what YAML takes for a number, a truth or nothing."""
    try:
        return text.replace("_", "").isalnum() and parse_yaml(text, "") == text
    except ConfigError:
        return False


def _listed(values: tuple[JsonValue, ...] | Range) -> tuple[JsonValue, ...] | Range:
    return (values.listed() or values) if isinstance(values, Range) else values


def _are_numbers(values: tuple[JsonValue, ...]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _ordered(values: tuple[JsonValue, ...]) -> list[JsonValue]:
    return sorted(values, key=lambda value: float(value))  # type: ignore[arg-type]


def _between(key: str, span: Range, trial: Trial) -> int | float:
    if span.whole:
        return trial.suggest_int(key, int(span.low), int(span.high), log=span.log)
    value = trial.suggest_float(key, span.low, span.high, log=span.log)
    return min(max(float(f"{value:.3g}"), span.low), span.high)
