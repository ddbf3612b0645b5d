"""From plans to tasks: each stage of each plan, those that several plans share once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from compress.cluster.address import ClusterAddress
from compress.cluster.needs import Needs, needs_of
from compress.schema import PackageSpec
from compress.schema.section import WHOLE
from compress.stages import load_stage
from compress.wiring import ChainPlan, LoadStage, Wire, wire


@dataclass(frozen=True)
class Task:
    """One stage that is to be run once.

    ``plan`` and ``place``: the first plan that wants it, and where in its chain it stands; both count from 0.
    ``before``: by place in that chain, the numbers of the tasks whose artefacts it takes. ``points``: the plans that
    want it, in order.
    """

    name: str
    plan: int
    place: int
    before: dict[int, int]
    needs: Needs
    points: tuple[int, ...]


@dataclass(frozen=True)
class Tasks:
    """All tasks, each after those it needs; ``chains``: for each plan the number of the task at each place.

    None stands for a stage that the command runs itself.
    """

    all: tuple[Task, ...]
    chains: tuple[tuple[int | None, ...], ...]


def tasks_of(plans: Sequence[ChainPlan], cluster: ClusterAddress, load: LoadStage = load_stage) -> Tasks:
    """The tasks of ``plans``. Raises ConfigError for a chain that can't work.

    Two stages are one task where they have the same settings and take what the same tasks make. What signs stays with
    the command, where the key is, and so does all that comes behind it.
    """
    found: dict[str, Task] = {}
    numbers: dict[str, int] = {}
    chains = []
    for number, plan in enumerate(plans):
        chain: list[int | None] = []
        for place, current in enumerate(wire(plan, load)):
            before = {each: chain[each] for each in _places_before(current, place)}
            if _signs(current) or None in before.values():
                chain.append(None)
                continue
            known = {each: task for each, task in before.items() if task is not None}
            text = _sameness(current, before)
            chain.append(numbers.setdefault(text, len(numbers)))
            earlier = found.get(text) or Task(
                current.stage.name, number, place, known, needs_of(current, cluster), ()
            )  # fmt: skip
            found[text] = Task(
                earlier.name, earlier.plan, earlier.place, earlier.before, earlier.needs, (*earlier.points, number)
            )  # fmt: skip
        chains.append(tuple(chain))
    return Tasks(tuple(found.values()), tuple(chains))


def _places_before(current: Wire, place: int) -> tuple[int, ...]:
    if current.chain is not None:
        return tuple(range(place))
    return tuple(sorted({each for each in current.inputs.values() if each is not None}))


def _signs(current: Wire) -> bool:
    return any(isinstance(part, PackageSpec) for part in current.sections.values())


def _sameness(current: Wire, before: dict[int, int | None]) -> str:
    """Equal for what has the same settings and inputs. Settings as written, for an identity may be the machine's."""
    sections = {
        name: [type(part).__name__, part.model_dump(mode="json", context=WHOLE)]
        for name, part in current.sections.items()
    }
    inputs = {name: None if place is None else before[place] for name, place in current.inputs.items()}
    chain = None if current.chain is None else list(before.values())
    return json.dumps([current.stage.name, current.stage.version, inputs, chain, sections], sort_keys=True)
