"""What a task whose answers are boxes, alone or beside a picture, decides in a plan, and what it does not do (yet)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compress.data.boxes import open_labels
from compress.errors import DataError
from compress.models import NETWORKS, detectors, two_headed
from compress.plan import COMMAND_LINE, Plan
from compress.runtimes import open_runtime
from compress.schema import OF_PICTURES, DataSpec, PictureLoss, Recipe, Target, TaskData, Train
from compress.tasks import open_task

_STAGES = {"teach", "teacher", "distill", "control", "prune", "quantize", "export", "validate", "gate", "package"}
"""Those that boxes go through."""

SIDES = 32
"""What the sides of a detector's pictures are multiples of: its largest stride."""


def with_classes(recipe: Recipe, data: DataSpec) -> tuple[Recipe, DataSpec]:
    """Both with the set's class names, and detectors with their number. As they were where they can't be read yet."""
    task = recipe.task
    try:
        names = task.classes or (open_labels(Path(data.root).expanduser()).classes if data.root else ())
    except DataError:
        names = ()  # said when the plan is checked
    known = task.model_copy(update={"classes": names})
    changes: dict[str, object] = {"task": known}
    for name, section in (("student", recipe.student), ("teach", recipe.teach)):
        if section.network in detectors() + two_headed() and section.classes in (None, 1) and names:
            changes[name] = section.model_copy(update={"classes": len(names)})
    return recipe.model_copy(update=changes), TaskData(**dict(data), task=known)


def box_problems(plan: Plan) -> Iterator[str]:
    """A line for each setting that goes against boxes."""
    both = open_task(plan.recipe.task).answers == "both"
    yield from _data(plan)
    yield from _networks(plan, two_headed() if both else detectors())
    for stage in plan.stages:
        if stage not in _STAGES:
            yield f"stages: '{stage}' can't take boxes yet; leave it out"
    for name, train in plan.trainings.items():
        yield from _training(name, train, both)
        if both and train.augment.exposure:
            yield f"{name}.train.augment.exposure: the night's camera draws the light; leave it out"
    yield from _both_losses(plan.recipe) if both else _losses(plan.recipe)
    if plan.recipe.quantize.own_weight and "quantize" in plan.stages:
        yield "quantize.own_weight: is of pictures; leave it out, or raise distill.output_weight"
    yield from _target(plan)


def _data(plan: Plan) -> Iterator[str]:
    data, task = plan.data, plan.recipe.task
    if data.kind != "boxes":
        yield f"data: '{plan.data_name}' has no boxes, which task {task.kind} is for; use data=boxes data.root=FOLDER"
        return
    if data.root is None:
        yield f"data.root: calibration set '{plan.data_name}' needs its folder; add data.root=FOLDER"
        return
    try:
        labels = open_labels(Path(data.root).expanduser())
        there = labels.classes
    except DataError as error:
        yield f"data.root: {error}"
        return
    if task.classes != there:
        yield f"task.classes: {', '.join(task.classes)}, but {labels.where} has {', '.join(there)}; leave it out"
    if data.size is None:
        yield f"data.size: needed: what the pictures are brought to; add data.size=[HEIGHT,WIDTH], multiples of {SIDES}"
    elif any(side % SIDES for side in data.size):
        yield f"data.size: {data.size[0]}x{data.size[1]}, but detectors take multiples of {SIDES}"
    elif "export" in plan.stages and data.size != plan.target.export.size:
        size, built = (f"{height}x{width}" for height, width in (data.size, plan.target.export.size))
        way = f"add target.export.size=[{data.size[0]},{data.size[1]}]"
        yield f"target.export.size: {built}, but the pictures of '{plan.data_name}' are brought to {size}; {way}"


def _networks(plan: Plan, fit: tuple[str, ...]) -> Iterator[str]:
    recipe, able = plan.recipe, ", ".join(fit)
    kind, classes = recipe.task.kind, len(recipe.task.classes)
    if recipe.student.source.network is not None or recipe.teacher.source.network is not None:
        yield f"source: networks from outside answer with pictures here; for task {kind} there are: {able}"
    parts = (("student", recipe.student.network, recipe.student.classes, True),
             ("teach", recipe.teach.network, recipe.teach.classes, "teach" in plan.stages))  # fmt: skip
    for name, network, given, used in parts:
        if used and network in NETWORKS and network not in fit:
            yield f"{name}.network: '{network}' {_says(network)}; for task {kind} there are: {able}"
        elif used and classes and given != classes:
            yield f"{name}.classes: {given}, but the set has {classes}; leave it out"
    if "teacher" in plan.stages and recipe.teacher.weights.startswith("builtin:"):
        yield "teacher.weights: the built-in network brightens; give a detector's, or use stage teach"


def _says(network: str) -> str:
    """What a network of ours answers with, for a message."""
    known = NETWORKS[network]
    if not known.detects:
        return "answers with pictures"
    return "answers with a picture and boxes" if known.brightens else "answers with boxes alone"


def _training(name: str, train: Train, both: bool) -> Iterator[str]:
    """Phases that cut, shrink or ask are about pictures; a part can be left out of ``both``."""
    for place, phase in enumerate(train.phases):
        odd = {
            "crop": phase.crop is not None, "downscale": phase.downscale != 1, "ask": phase.ask,
            "level_of": phase.level_of is not None, "without": bool(phase.without) and not both,
        }  # fmt: skip
        for key in (key for key, set_ in odd.items() if set_):
            yield f"{name}.train.phases.{place}.{key}: is for pictures as truth, not for boxes; leave it out"


def _losses(recipe: Recipe) -> Iterator[str]:
    given = {"teach.loss": recipe.teach.loss, "distill.loss": recipe.distill.loss}
    for key, loss in given.items():
        if loss != PictureLoss():
            yield f"{key}: weighs terms of pictures; boxes have focal, GIoU and centreness terms; leave it out"
    seen = {"teach.sees": recipe.teach.sees, "distill.teacher_sees": recipe.distill.teacher_sees}
    for key in (key for key, sees in seen.items() if sees != "dark"):
        yield f"{key}: boxes are no pictures to be seen; leave it out"
    if recipe.distill.retinex.weights:
        yield "distill.retinex: compares pictures; leave it out"
    if recipe.distill.hints:
        yield "distill.hints: can't be taken of a detector yet; leave them out"


def _both_losses(recipe: Recipe) -> Iterator[str]:
    if recipe.distill.retinex.weights:
        yield "distill.retinex: takes apart a teacher's picture, and the well-lit one teaches here; leave it out"
    if any(hint.by != "objects" for hint in recipe.distill.hints):
        yield f"distill.hints: task {recipe.task.kind} compares features by objects; add by: objects to each"


def _target(plan: Plan) -> Iterator[str]:
    target = plan.target
    if "tflite" in target.export.builds and "export" in plan.stages and target.export.tflite.arithmetic == "integer":
        yield "target.export.tflite.arithmetic: maps have no range for codes, so they leave in float; set trained"
    if target.export.nms == "graph" and "export" in plan.stages:
        yield from _boxes_in_graph(target)
    if open_task(plan.recipe.task).answers != "boxes":
        return
    for field in OF_PICTURES:
        if plan.origins.get(f"target.budget.{field}") == COMMAND_LINE and getattr(target.budget, field) is not None:
            way = "use target.budget.metrics=[{metric: map50, max_drop: 0.02}]"
            yield f"target.budget.{field}: is of pictures; {way}"


def _boxes_in_graph(target: Target) -> Iterator[str]:
    """Who can't read boxes from maps within a build."""
    unable = [name for name in target.export.builds if not open_runtime(name).reads_boxes]
    if unable:
        way = "set it to outside, or leave these builds out"
        yield f"target.export.nms: graph: builds for {', '.join(unable)} can't hold NonMaxSuppression here; {way}"
    if target.device.kind in ("ssh", "adb"):
        yield "target.export.nms: graph: builds that give boxes are not run on boards yet; set it to outside"
