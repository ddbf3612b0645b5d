"""``compress show``: the settled plan as YAML with the origin of each value, then the chain and its cost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compress.config.load import load_plans
from compress.console import show_time
from compress.plan import Plan
from compress.schema.section import WHOLE

if TYPE_CHECKING:
    from compress.flow import StageForecast

ORIGIN_COLUMN = 60
_PLAIN = re.compile(r"[A-Za-z][\w./-]*\Z", re.ASCII)
_STATES = {
    "cached": "cached, took",
    "to run": "to run, cost",
    "unknown": "to run after the stage before it, cost",
}
_NOT_TEXT = {"true", "false", "null"}


def show_plans(words: tuple[str, ...], store_root: Path) -> int:
    """Print every plan the words ask for. Raises ConfigError; changes nothing."""
    from compress.flow import dry_run
    from compress.store.store import Store

    plans = load_plans(words)
    store = Store(store_root)
    for number, plan in enumerate(plans, start=1):
        if len(plans) > 1:
            click.echo(f"{'---' if number > 1 else '#'} # plan {number} of {len(plans)}")
        for line in plan_lines(plan):
            click.echo(line)
        click.echo("# chain:")
        for line in forecast_lines(dry_run(plan, store)):
            click.echo(f"#   {line}")
    return 0


def forecast_lines(forecasts: tuple[StageForecast, ...]) -> Iterator[str]:
    """A line for each stage: cached or to run, and what it took when it last ran here; then the sum."""
    for stage in forecasts:
        cost = "unknown, it never ran here" if stage.estimated_s is None else show_time(stage.estimated_s)
        yield f"{stage.name:<10} {_STATES[stage.state]} {cost}"
    to_run = [stage.estimated_s for stage in forecasts if stage.state != "cached"]
    known = [seconds for seconds in to_run if seconds is not None]
    parts = [f"about {show_time(sum(known))}"] if known else []
    if len(known) < len(to_run):
        parts.append(f"{len(to_run) - len(known)} that never ran here")
    yield f"to do: {len(to_run)} of {len(forecasts)} stages{': ' if parts else ''}{' and '.join(parts)}"


def plan_lines(plan: Plan) -> Iterator[str]:
    """The plan as YAML lines with comments; ``parse_yaml`` reads them back to the same values."""
    for key, name in (("recipe", plan.recipe_name), ("target", plan.target_name), ("data", plan.data_name)):
        yield f"# {key}={name}"
    yield "recipe:"
    yield from _lines(plan.recipe.model_dump(mode="json", context=WHOLE), "", plan.origins, 1)
    yield "target:"
    yield from _lines(plan.target.model_dump(mode="json", context=WHOLE), "target.", plan.origins, 1)
    yield "data:"
    yield from _lines(plan.data.model_dump(mode="json", context=WHOLE), "data.", plan.origins, 1)


def _lines(tree: dict[str, Any], prefix: str, origins: dict[str, str], depth: int) -> Iterator[str]:
    for name, value in tree.items():
        key, indent = prefix + name, "  " * depth
        if isinstance(value, dict) and value:
            yield f"{indent}{name}:"
            yield from _lines(value, key + ".", origins, depth + 1)
        else:
            line = f"{indent}{name}: {_scalar(value)}"
            yield f"{line:<{ORIGIN_COLUMN}}  # {_origin(key, origins)}"


def _origin(key: str, origins: dict[str, str]) -> str:
    """Where a value came from; a list of which one item was overridden names both."""
    found = [origins[key]] if key in origins else []
    found += [f"{part}: {origin}" for part, origin in origins.items() if part.startswith(key + ".")]
    return "; ".join(found) or "default"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _NOT_TEXT:
        return value
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isprintable() else json.dumps(value)
