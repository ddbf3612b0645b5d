"""What training without pairs needs of a plan."""

from __future__ import annotations

from collections.abc import Iterator

from compress.config.names import did_you_mean
from compress.models import NETWORKS, PICTURE_NETWORKS
from compress.plan import Plan

_MEANT_FOR_A_TEACHER = ("ask", "without", "level_of")


def unpaired_problems(plan: Plan) -> Iterator[str]:
    """One line for each thing that can't work; nothing where the plan has no such stage."""
    if "unpaired" not in plan.stages:
        return
    yield from _network(plan)
    if plan.data.kind not in ("embedded", "paired") or plan.recipe.task.kind != "enhance":
        yield "unpaired: needs dark and well-lit pictures, of a data set of kind paired or embedded and task enhance"
    yield from _scorer(plan)
    spec = plan.recipe.unpaired
    trainings = (
        ("scorer.train", spec.scorer.train), ("pairing", spec.pairing), ("enhance", spec.enhance),
        ("refine", spec.refine), ("finish", spec.finish),
    )  # fmt: skip
    for name, train in trainings:
        for setting in _MEANT_FOR_A_TEACHER:
            if any(getattr(phase, setting) for phase in train.phases):
                yield f"unpaired.{name}.phases: {setting} is for a network with pairs or a teacher; leave it out"


def _network(plan: Plan) -> Iterator[str]:
    name = plan.recipe.unpaired.network
    fit = tuple(each for each in PICTURE_NETWORKS if NETWORKS[each].brightens)
    if name not in fit:
        there = f"There are: {', '.join(fit)}"
        yield f"unpaired.network: no network '{name}' for low light.{did_you_mean(name, fit)} {there}"


def _scorer(plan: Plan) -> Iterator[str]:
    from compress.scorers.clip_folder import folder_problem

    scorer = plan.recipe.unpaired.scorer
    problem = folder_problem(scorer.weights) if scorer.kind == "clip" else None
    if problem:
        yield f"unpaired.scorer.weights: {problem}"
    if scorer.kind == "critic" and scorer.weights is not None:
        yield "unpaired.scorer.weights: a critic is trained here and takes none; say unpaired.scorer.kind=clip"
