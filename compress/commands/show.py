"""``compress show``: the settled plan as YAML with the origin of each value, then the chain and its cost."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from compress.config.load import load_plans
from compress.console import show_size, show_time
from compress.plan import Plan
from compress.schema.section import WHOLE

if TYPE_CHECKING:
    from compress.flow import StageCost, StageForecast

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
        for line in forecast_lines(dry_run(plan, store), Free.here(store_root)):
            click.echo(f"#   {line}")
    return 0


def forecast_lines(forecasts: tuple[StageForecast, ...], free: Free) -> Iterator[str]:
    """A line for each stage: cached or to run, and what it took here with the settings most like it; then the sum."""
    for stage in forecasts:
        cost = "unknown, it never ran here" if stage.cost is None else ", ".join(_cost(stage.cost))
        yield f"{stage.name:<10} {_STATES[stage.state]} {cost}"
    to_run = [stage.cost for stage in forecasts if stage.state != "cached"]
    known = [cost for cost in to_run if cost is not None]
    parts = [f"about {', '.join(_sum(known, free))}"] if known else []
    if len(known) < len(to_run):
        parts.append(f"{len(to_run) - len(known)} that never ran here")
    yield f"to do: {len(to_run)} of {len(forecasts)} stages{': ' if parts else ''}{' and '.join(parts)}"


@dataclass(frozen=True)
class Free:
    """What the machine has left: memory, and disk where the store lies."""

    memory_bytes: int
    disk_bytes: int

    @classmethod
    def here(cls, store_root: Path) -> Free:
        import psutil

        there = next(folder for folder in (store_root.absolute(), *store_root.absolute().parents) if folder.exists())
        return cls(psutil.virtual_memory().available, shutil.disk_usage(there).free)


def _cost(cost: StageCost) -> Iterator[str]:
    yield show_time(cost.wall_s)
    if cost.peak_memory_bytes is not None:
        yield f"{show_size(cost.peak_memory_bytes)} of memory"
    yield f"{show_size(cost.size_bytes)} on disk"
    if cost.reading is not None:
        yield cost.reading.sentence


def _sum(costs: Sequence[StageCost], free: Free) -> Iterator[str]:
    yield show_time(sum(cost.wall_s for cost in costs))
    peaks = [cost.peak_memory_bytes for cost in costs if cost.peak_memory_bytes is not None]
    if peaks:
        yield _against(max(peaks), free.memory_bytes, "of memory")
    yield _against(sum(cost.size_bytes for cost in costs), free.disk_bytes, "on disk")


def _against(needed: int, free: int, what: str) -> str:
    left = f"{show_size(free)} free" if needed <= free else f"only {show_size(free)} free"
    return f"{show_size(needed)} {what} ({left})"


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
