"""Who feeds whom: the stages of a plan, each parameter matched to what it gets, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Protocol, Union, get_args, get_origin

from compress.artefacts import Artefact
from compress.config.names import did_you_mean
from compress.errors import ConfigError
from compress.schema import Section
from compress.stage import Chain, Progress, Stage
from compress.stages import STAGES, load_stage

LoadStage = Callable[[str], Stage]


class ChainPlan(Protocol):
    """What of a plan the chain needs; ``compress.plan.Plan`` is one."""

    @property
    def recipe_name(self) -> str: ...
    @property
    def target_name(self) -> str: ...
    @property
    def data_name(self) -> str: ...
    @property
    def stages(self) -> tuple[str, ...]: ...
    @property
    def sections(self) -> Mapping[type[Section], Section]: ...


@dataclass(frozen=True)
class Wire:
    """One stage with its parameters' sources.

    ``inputs``: by parameter name the place in the chain of the stage that makes it, or None;
    ``sections``: by parameter name; the other four are parameter names, None where not asked for.
    """

    stage: Stage
    inputs: dict[str, int | None]
    sections: dict[str, Section]
    out: str | None
    scratch: str | None
    progress: str | None
    chain: str | None


def wire(plan: ChainPlan, load: LoadStage = load_stage) -> tuple[Wire, ...]:
    """Match every stage of the plan with what it gets. Raises ConfigError with all problems at once."""
    problems: list[str] = []
    wires: list[Wire] = []
    for place, name in enumerate(plan.stages):
        if name in plan.stages[:place]:
            problems.append(f"stage '{name}' is named more than once; name it once")
            continue
        try:
            stage = load(name)
        except KeyError:
            known = ", ".join(STAGES)
            problems.append(f"no stage '{name}'.{did_you_mean(name, tuple(STAGES))} There are: {known}")
            continue
        wires.append(_wire_stage(stage, wires, plan.sections, problems))
    if not plan.stages:
        problems.append("the plan has no stages; name at least one under 'stages' in the recipe")
    if problems:
        raise ConfigError(tuple(problems))
    return tuple(wires)


def _wire_stage(
    stage: Stage, before: list[Wire], sections: Mapping[type[Section], Section], problems: list[str]
) -> Wire:
    inputs: dict[str, int | None] = {}
    read: dict[str, Section] = {}
    special: dict[str, str] = {}
    for name, annotation in stage.parameters.items():
        wanted, optional = without_none(annotation)
        kind = _special_kind(name, annotation)
        if kind is not None:
            special[kind] = name
        elif isinstance(wanted, type) and issubclass(wanted, Artefact):
            inputs[name] = _newest(before, wanted)
            if inputs[name] is None and not optional:
                what = f"{_article(wanted.__name__)} {wanted.__name__}"
                problems.append(f"stage '{stage.name}' needs {what}, but no stage before it makes one")
        elif isinstance(wanted, type) and issubclass(wanted, Section) and not optional:
            if wanted in sections:
                read[name] = sections[wanted]
            else:
                problems.append(f"stage '{stage.name}' reads {wanted.__name__}, which the plan does not have")
        else:
            problems.append(f"stage '{stage.name}' can't be given its parameter '{name}: {annotation}'")
    return Wire(
        stage, inputs, read, special.get("out"), special.get("scratch"), special.get("progress"), special.get("chain")
    )


def _special_kind(name: str, annotation: Any) -> str | None:
    if annotation is Path:
        return name if name in ("out", "scratch") else None
    if annotation is Progress:
        return "progress"
    return "chain" if annotation == Chain else None


def without_none(annotation: Any) -> tuple[Any, bool]:
    """``X, True`` for ``X | None``, else the annotation itself and False."""
    if get_origin(annotation) in (Union, UnionType):
        rest = [part for part in get_args(annotation) if part is not NoneType]
        if len(rest) == 1:
            return rest[0], True
    return annotation, False


def _newest(before: list[Wire], wanted: type[Artefact]) -> int | None:
    places = [place for place, wire in enumerate(before) if issubclass(wire.stage.gives, wanted)]
    return places[-1] if places else None


def _article(word: str) -> str:
    return "an" if word[0] in "AEIOU" else "a"
