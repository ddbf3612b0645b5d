"""A candidate as plans: complete as ``compress run`` would have it, and with a share of the training."""

from __future__ import annotations

from dataclasses import dataclass, replace

from compress.config.load import load_plans
from compress.models import NETWORKS
from compress.plan import Plan
from compress.schema import StudentSpec, Train
from compress.search import bits
from compress.search.records import Setting
from compress.search.space import NETWORK, Point, is_of_network, word

SEARCH = "search."
TRAINED = ("teach", "teacher", "student", "distill", "prune", "quantize")
"""Stages of a candidate in training; what only compares or measures is left to the full run."""


@dataclass(frozen=True)
class Candidates:
    """What the command was told, by key, without what it says of the search; and the plan that this makes."""

    words: dict[str, str]
    plan: Plan

    def words_of(self, point: Point) -> tuple[str, ...]:
        """The command line of a candidate: what its network does not have of the recipe's settings is left out."""
        words = {key: f"{key}={text}" for key, text in self.words.items()}
        words.update({setting.key: word(setting) for setting in point if not setting.key.startswith(bits.PREFIX)})
        lists = bits.lists_of(point, self.plan.recipe.quantize)
        for key, layers in lists.items():
            if layers or key in self.plan.origins:
                words[key] = word(Setting(key=key, value=list(layers)))
        named = {setting.key: setting.value for setting in point}
        network = NETWORKS.get(str(named.get(NETWORK, self.plan.recipe.student.network)))
        for name in StudentSpec.model_fields if network and NETWORK in named else ():
            key = f"student.{name}"
            if is_of_network(key) and name not in network.defaults and key in self.plan.origins:  # type: ignore[union-attr]
                words[key] = f"{key}="
        return tuple(words.values())

    def plan_of(self, point: Point) -> Plan:
        """The whole chain. Raises ConfigError for what can't be; what its device lacks, a trial's own export tells."""
        return load_plans(self.words_of(point), tries_operators=False)[0]

    def tried_plan_of(self, point: Point) -> Plan:
        """The same, once its student was exported for a device that lacks operators."""
        return load_plans(self.words_of(point))[0]


def shortened(plan: Plan, share: float) -> Plan:
    """The chain up to the quantized network, each phase of its trainings with ``share`` of its epochs."""
    recipe = plan.recipe
    short = recipe.model_copy(
        update={
            "stages": tuple(name for name in recipe.stages if name in TRAINED),
            "distill": recipe.distill.model_copy(
                update={"train": _less(recipe.distill.train, share), "control": False}
            ),
            "prune": recipe.prune.model_copy(update={"train": _less(recipe.prune.train, share)}),
            "quantize": recipe.quantize.model_copy(update={"train": _less(recipe.quantize.train, share)}),
            "sensitivity": recipe.sensitivity.model_copy(update={"run": False}),
        }
    )
    return replace(plan, recipe=short)


def _less(train: Train, share: float) -> Train:
    phases = tuple(phase.model_copy(update={"epochs": phase.epochs * share}) for phase in train.phases)
    return train.model_copy(update={"phases": phases})
