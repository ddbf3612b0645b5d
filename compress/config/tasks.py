"""What a recipe's task decides in its other settings, and what of them contradicts it."""

from __future__ import annotations

from collections.abc import Iterator

from compress.config.boxes import box_problems, with_classes
from compress.models import NETWORKS, STUDENT_NAMES, students_of_any_task, teachers_of_any_task
from compress.plan import Plan
from compress.runtimes import open_runtime
from compress.schema import DataSpec, Recipe, TaskData, TaskSpec, TaskWeights, Train
from compress.tasks import open_task

OUTSIDE = "a network from outside answers at its input's size here"


def for_task(recipe: Recipe, data: DataSpec) -> tuple[Recipe, DataSpec]:
    """Both with what follows from ``recipe.task``: the pictures know it, networks that can enlarge know by how much,
    detectors how many classes there are.

    Unchanged for enhancement, so that nothing that was ever made for it is made again.
    """
    task = recipe.task
    if task == TaskSpec():
        return recipe, data
    if open_task(task).answers != "pictures":
        return with_classes(recipe, data)
    known = TaskData(**dict(data), task=task)
    scale = open_task(task).scale
    if scale == 1:
        return recipe, known
    changes = {
        name: section.model_copy(update={"scale": scale})
        for name, section in (("student", recipe.student), ("teach", recipe.teach))
        if section.scale in (None, 1) and "scale" in _takes(section.network)
    }
    return recipe.model_copy(update=changes), known


def _takes(network: str) -> tuple[str, ...]:
    return tuple(NETWORKS[network].defaults) if network in NETWORKS else ()


def task_problems(plan: Plan) -> Iterator[str]:
    """A line for each setting that goes against the task."""
    recipe, spec = plan.recipe, plan.recipe.task
    if (spec.kind == "super_resolution") != (spec.scale is not None):
        yield "task.scale: " + ("needed, 2 or more" if spec.scale is None else "of super_resolution only; leave it out")
        return
    if spec.kind != "night" and spec.weights != TaskWeights():
        yield "task.weights: of night only; leave it out"
    if recipe.validation.backlit and (spec.kind != "enhance" or plan.data.kind not in ("embedded", "paired")):
        yield "validation.backlit: needs well-lit photographs, of task enhance and data of kind paired or embedded"
    if open_task(spec).answers != "pictures":
        yield from box_problems(plan)
        return
    if spec.classes:
        yield "task.classes: of detect and night only; leave it out"
    if plan.data.kind == "boxes":
        yield f"data: '{plan.data_name}' has boxes, and task {spec.kind} is for pictures; use recipe=detect"
    if plan.target.export.nms != "outside":
        yield f"target.export.nms: is of boxes, and task {spec.kind} is for pictures; leave it out"
    yield from _no_detectors(recipe)
    yield from _no_objects(recipe)
    if spec.kind == "enhance":
        return
    yield from _networks(recipe)
    for name, train in plan.trainings.items():
        yield from _training(name, train, spec)
    scale = open_task(spec).scale
    for name in plan.target.export.builds:
        if scale != 1 and not open_runtime(name).enlarges:
            yield f"target.export.builds: {name} builds that enlarge can't be made yet; leave {name} out"


def _no_detectors(recipe: Recipe) -> Iterator[str]:
    named = {"student": recipe.student.network, "teach": recipe.teach.network}
    for name, network in named.items():
        if network in NETWORKS and NETWORKS[network].detects and (name == "student" or name in recipe.stages):
            yield f"{name}.network: '{network}' finds boxes, and task {recipe.task.kind} is for pictures"


def _no_objects(recipe: Recipe) -> Iterator[str]:
    if any(hint.by == "objects" for hint in recipe.distill.hints):
        yield f"distill.hints: by objects weighs boxes, and task {recipe.task.kind} has none; use values or affinity"


def _networks(recipe: Recipe) -> Iterator[str]:
    spec, able = recipe.task, students_of_any_task()
    scale = open_task(spec).scale
    student = recipe.student
    if student.source.network is not None:
        if scale != 1 and "student" in recipe.stages:
            yield f"student.source: {OUTSIDE}; train one of ours: recipe=sr"
    elif student.network in STUDENT_NAMES:
        yield f"student.network: '{student.network}' brightens; for task {spec.kind} there are: {', '.join(able)}"
    named = {"student": student.scale or 1} if student.network in able else {}
    if "teach" in recipe.stages:
        if recipe.teach.network in (*able, *teachers_of_any_task()):
            named["teach"] = recipe.teach.scale or 1
        elif recipe.teach.network in NETWORKS:
            yield f"teach.network: '{recipe.teach.network}' brightens; for task {spec.kind}: {', '.join(able)}"
    for name, given in named.items():
        if given != scale:
            yield f"{name}.scale: {given}, but the task's is {scale}; leave it out"
    if "teacher" in recipe.stages and recipe.teacher.source.network is None:
        if recipe.teacher.weights == type(recipe.teacher)().weights:
            yield f"teacher.weights: the built-in network brightens; give one of task {spec.kind}, or use stage teach"
    elif "teacher" in recipe.stages and scale != 1:
        yield f"teacher.source: {OUTSIDE}; use stage teach"


def _training(name: str, train: Train, spec: TaskSpec) -> Iterator[str]:
    """What has a network find how bright the answer should be makes no sense where it should be as bright as it was."""
    if train.augment.exposure:
        yield f"{name}.train.augment.exposure: darkens the input alone, and task {spec.kind} keeps brightness; set 0"
    for place, phase in enumerate(train.phases):
        if phase.ask or phase.level_of is not None:
            word = "ask" if phase.ask else "level_of"
            yield f"{name}.train.phases.{place}.{word}: is about brightness, which task {spec.kind} keeps; leave it out"
