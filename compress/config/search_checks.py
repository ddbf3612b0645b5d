"""What must hold of a search space, checked before any work: every key, and every value of each by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice, product

from pydantic import JsonValue

from compress.config.keys import is_known, keys_below, split_prefix, unknown_key
from compress.config.names import did_you_mean
from compress.errors import ConfigError
from compress.plan import Plan
from compress.schema import Range, Recipe
from compress.search.bits import INT16, KEEP_FLOAT, PREFIX, Bits, decided, is_under, names_problem
from compress.search.records import Setting
from compress.search.space import NETWORK, Point, is_of_network
from compress.tasks import open_task

SPACE = "search.space"
VARYING = {"student": "distill", "distill": "distill", "prune": "prune", "quantize": "quantize"}
"""The recipe's sections that may vary, each with the stage without which it would change nothing."""

NEEDED = ("quantize", "export", "validate", "gate")

_MOST_STUDENTS = 500
"""Combinations of the student's settings whose layers are looked at."""

Load = Callable[[Point], Plan]


def search_problems(plan: Plan, given: tuple[str, ...], load: Load) -> tuple[str, ...]:
    """One line for each thing in the plan's search that can't work.

    ``given``: keys that the command line sets as well; ``load``: the plan of a candidate, which raises ConfigError.
    """
    spec, problems = plan.recipe.search, []
    lacking = [name for name in NEEDED if name not in plan.stages]
    if not {"distill", "student"} & set(plan.stages):
        lacking.insert(0, "distill (or student)")
    if lacking:
        problems.append(f"stages: a search needs {', '.join(lacking)} in the recipe, too")
    if open_task(plan.recipe.task).answers != "pictures":
        problems.append(f"task: a search compares candidates by PSNR, and task {plan.recipe.task.kind} has none")
    if "quantize" in plan.stages and not plan.recipe.quantize.train.phases:
        problems.append(
            "quantize.train.phases: a search compares candidates by what they learn under fake-quant, and nothing is "
            "trained here; use recipe=adopt, or compress run"
        )
    if plan.reference is not None:
        problems.append("data: a search compares candidates by a ground truth, and frames have none; use pairs")
    if not spec.space and not spec.bits:
        problems.append(f"{SPACE}: nothing to search; give values, like {SPACE}.student.width=[16,24,32]")
    for key, values in spec.space.items():
        found = tuple(key_problems(plan.recipe, key, given))
        problems.extend(found or _value_problems(key, values, load))
    if spec.bits and not problems:
        problems.extend(_bits_problems(plan, load))
    return tuple(dict.fromkeys(problems))


def key_problems(recipe: Recipe | None, key: str, given: tuple[str, ...]) -> Iterator[str]:
    """Why a key can't be searched. ``recipe``: None where it is not known."""
    section, here = key.partition(".")[0], f"{SPACE}.{key}"
    if not is_known(key):
        yield f"{SPACE}: {unknown_key(key)}"
    elif split_prefix(key)[0]:
        yield f"{here}: can't vary: the {split_prefix(key)[0].rstrip('.')} is given; vary the recipe"
    elif keys_below(key):
        yield f"{here}: is a group of keys; give them one by one, like {keys_below(key)[0]}"
    elif section not in VARYING or key == "distill.control":
        yield f"{here}: can't vary; only settings of {', '.join(VARYING)} decide which network ships"
    elif ".phases" in key or key.endswith("checkpoint_every_s"):
        yield f"{here}: can't vary: search.train_shares says how much of each phase is trained"
    elif recipe is not None and VARYING[section] not in recipe.stages:
        yield f"{here}: would change nothing: stage '{VARYING[section]}' is not in the recipe"
    elif key in given:
        yield f"{here}: {key} is on the command line as well; give one of the two"


def _value_problems(key: str, values: tuple[JsonValue, ...] | Range, load: Load) -> Iterator[str]:
    here = f"{SPACE}.{key}"
    if isinstance(values, Range):
        ends: tuple[JsonValue, ...] = (values.low, values.high)
    else:
        ends = values
        texts = [repr(value) for value in values]
        yield from (f"{here}: {text} is listed twice" for text in sorted({t for t in texts if texts.count(t) > 1}))
    for value in ends:
        try:
            load((Setting(key=key, value=value),))
        except ConfigError as error:
            # A setting of another network than the recipe's own is asked for with that network only.
            yield from (line for line in error.problems if not (is_of_network(key) and "no such setting" in line))


def _bits_problems(plan: Plan, load: Load) -> Iterator[str]:
    """Why single layers can't have a choice each: what the target has not, layers that no candidate has or decides."""
    here, bits, spec = "search.bits", Bits.of(plan), plan.recipe.search
    yield from (f"{here}: {name} is listed twice" for name in dict.fromkeys(spec.bits) if spec.bits.count(name) > 1)
    if len(bits.precisions) == 1:
        yield f"{here}: the target has int8 layers only (target.float_layers, target.int16_layers); leave it out"
        return
    if problem := names_problem(bits):
        yield f"{here}: the student's layers can't be looked at: {problem}"
        return
    points = list(_students(spec.space))
    for layer in bits.layers:
        if not any(layer in bits.names(point) for point in points):
            known = sorted({name for point in points for name in bits.names(point)})
            hint = did_you_mean(layer, known) or f" There are: {', '.join(known)}"
            yield f"{here}: no candidate's student has a layer '{layer}' with weights.{hint}"
        elif not {KEEP_FLOAT, INT16} & set(spec.space) and is_under(layer, decided((), bits.quantize)):
            yield f"{here}: {layer} has no choice: it is in {KEEP_FLOAT} or {INT16} already; take it out there"
    for precision in bits.precisions if bits.layers else ():
        try:
            load((Setting(key=PREFIX + bits.layers[0], value=precision),))
        except ConfigError as error:
            yield from error.problems


def _students(space: Mapping[str, tuple[JsonValue, ...] | Range]) -> Iterator[Point]:
    """The combinations of the student's settings, of a range its ends."""
    student = {key: values for key, values in space.items() if key.startswith("student.")}
    lists = [(v.low, v.high) if isinstance(v, Range) else v for v in student.values()]
    for values in islice(product(*lists), _MOST_STUDENTS):
        yield tuple(Setting(key=key, value=value) for key, value in zip(student, values, strict=True))


def no_network_has(plan: Plan) -> Iterator[str]:
    """Settings of networks that none of the networks searched has."""
    from compress.models import NETWORKS

    spec = plan.recipe.search
    values = spec.space.get(NETWORK, (plan.recipe.student.network,))
    names = [str(value) for value in values if str(value) in NETWORKS] if isinstance(values, tuple) else []
    for key in spec.space:
        name = key.partition(".")[2]
        if is_of_network(key) and names and not any(name in NETWORKS[each].defaults for each in names):
            yield f"{SPACE}.{key}: {' and '.join(names)} has no such setting"
