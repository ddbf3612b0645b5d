"""The tasks by name: what a pair is, how sizes relate, loss, metrics, drawing. A file for each, and a line here."""

from __future__ import annotations

from collections.abc import Callable

from compress.schema import DataSpec, TaskData, TaskSpec
from compress.schema.task import TaskKind
from compress.tasks.base import Task
from compress.tasks.denoise import Denoise
from compress.tasks.enhance import Enhance
from compress.tasks.super_resolution import SuperResolution

TASKS: dict[TaskKind, Callable[[TaskSpec], Task]] = {
    "enhance": lambda _spec: Enhance(),
    "denoise": lambda _spec: Denoise(),
    "super_resolution": lambda spec: SuperResolution(spec.scale or 2),
}


ENHANCE: Task = Enhance()
"""The task of a recipe that names none."""


def open_task(spec: TaskSpec) -> Task:
    """The task that a recipe asks for."""
    return TASKS[spec.kind](spec)


def task_of(data: DataSpec) -> Task:
    """The task that a plan's pictures are for: a stage learns it from them, so that it takes no parameter more."""
    return open_task(data.task if isinstance(data, TaskData) else TaskSpec())
