"""The tasks by name: what a truth is, loss, metrics, drawing. A file for each, and a line here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from compress.errors import DataError
from compress.schema import DataSpec, TaskData, TaskSpec
from compress.schema.task import TaskKind
from compress.tasks.base import Task
from compress.tasks.denoise import Denoise
from compress.tasks.detect import Detect
from compress.tasks.enhance import Enhance
from compress.tasks.night import Night
from compress.tasks.picture import PictureTask
from compress.tasks.super_resolution import SuperResolution

TASKS: dict[TaskKind, Callable[[TaskSpec], Task[Any, Any]]] = {
    "enhance": lambda _spec: Enhance(),
    "denoise": lambda _spec: Denoise(),
    "super_resolution": lambda spec: SuperResolution(spec.scale or 2),
    "detect": lambda spec: Detect(spec.classes),
    "night": lambda spec: Night(spec.classes, spec.weights),
}


ENHANCE: PictureTask = Enhance()
"""The task of a recipe that names none."""


def open_task(spec: TaskSpec) -> Task[Any, Any]:
    """The task that a recipe asks for."""
    return TASKS[spec.kind](spec)


def task_of(data: DataSpec) -> Task[Any, Any]:
    """The task that a plan's pictures are for: a stage learns it from them, so that it takes no parameter more."""
    return open_task(data.task if isinstance(data, TaskData) else TaskSpec())


def class_names(data: DataSpec) -> tuple[str, ...]:
    """What is looked for in a plan's pictures, by number; empty where nothing is."""
    return data.task.classes if isinstance(data, TaskData) else ()


def picture_task_of(data: DataSpec) -> PictureTask:
    """The same of pictures whose truth is a picture. Raises DataError where it is not."""
    task = task_of(data)
    if not isinstance(task, PictureTask):
        raise DataError(f"{data.kind}: this set has pictures for a truth, and the task asks for {task.answers}")
    return task
