"""What the command line would say: a recipe with a seed on the pictures, shorter where that is asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from compress.config.load import load_plans
from compress.data.source import open_source
from compress.plan import Plan
from compress.schema import DataSpec, Train
from compress.tasks import task_of
from compress.training.loop import Ranks

TARGET = "x86_edge"
LEFT_OUT = ("gate", "package")
"""A benchmark judges and ships nothing."""


@dataclass(frozen=True)
class Asked:
    """What all chains of a run share. ``steps``: of each training at most; ``more``: further words for all of them;
    ``commit``: of the code that runs."""

    root: Path | None
    steps: int | None
    more: tuple[str, ...]
    commit: str = "unknown"

    @property
    def pictures(self) -> tuple[str, ...]:
        return ("data=embedded",) if self.root is None else ("data=lol", f"data.root={self.root}")

    def plan(self, words: tuple[str, ...]) -> Plan:
        """The one plan of these words. Raises ConfigError."""
        (plan,) = load_plans((*words, f"target={TARGET}", *self.pictures, *self.more))
        return plan


def named(recipe: str) -> tuple[str, ...]:
    """The words of ``kang_rir`` or of ``kang_rir student.width=32``: a recipe's name, and what differs from it."""
    name, *more = recipe.split()
    return (f"recipe={name}", *more)


def chain_words(asked: Asked, recipe: str, seed: int, *more: str, until: str = "validate") -> tuple[str, ...]:
    """The words of a chain that ends behind stage ``until``, without target and pictures. Raises ConfigError."""
    plan = asked.plan(named(recipe))
    kept = [name for name in plan.recipe.stages if name not in LEFT_OUT]
    kept = kept[: kept.index(until) + 1] if until in kept else kept
    words = [*named(recipe), f"seed={seed}", f"stages=[{','.join(kept)}]", *more]
    if asked.steps is not None:
        trains = {"teach": plan.recipe.teach.train, "distill": plan.recipe.distill.train,
                  "prune": plan.recipe.prune.train, "quantize": plan.recipe.quantize.train}  # fmt: skip
        words += [
            f"{name}.train.phases={shortened(train, plan.data, asked.steps)}"
            for name, train in trains.items() if name in kept and train.phases
        ]  # fmt: skip
    return tuple(words)


def shortened(train: Train, data: DataSpec, steps: int) -> str:
    """The phases, each cut alike so that together they have ``steps`` steps (but each one at least), as JSON."""
    whole = task_of(data).schedule(open_source(data, "train"), train, 0, None, Ranks(0, 1)).steps
    share = min(1.0, steps / whole)
    phases = [phase.model_copy(update={"epochs": phase.epochs * share}) for phase in train.phases]
    return json.dumps([phase.model_dump(mode="json", exclude_defaults=True) for phase in phases])
