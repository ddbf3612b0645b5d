"""A recipe: which stages run, with which settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from compress.schema.degrade import DegradeSpec
from compress.schema.search import SearchSpec
from compress.schema.section import Section
from compress.schema.stages import (
    DistillSpec,
    PackageSpec,
    PruneSpec,
    QuantizeSpec,
    SensitivitySpec,
    StudentSpec,
    TeacherSpec,
    TeachSpec,
    ValidateSpec,
)
from compress.schema.task import TaskSpec
from compress.schema.unpaired import UnpairedSpec

StageName = Literal[
    "degrade",
    "teach",
    "teacher",
    "unpaired",
    "label",
    "student",
    "distill",
    "control",
    "prune",
    "quantize",
    "sensitivity",
    "export",
    "validate",
    "gate",
    "package",
]


class Recipe(Section):
    """Which stages run, with which settings. Knows nothing of a device."""

    description: str = ""
    stages: tuple[StageName, ...] = Field(..., min_length=1)
    data: str = Field("embedded", description="calibration set used unless the command names another")
    seed: int = Field(0, ge=0)
    task: TaskSpec = TaskSpec()
    degrade: DegradeSpec = DegradeSpec()
    teach: TeachSpec = TeachSpec()
    teacher: TeacherSpec = TeacherSpec()
    unpaired: UnpairedSpec = UnpairedSpec()
    student: StudentSpec = StudentSpec()
    distill: DistillSpec = DistillSpec()
    prune: PruneSpec = PruneSpec()
    quantize: QuantizeSpec = QuantizeSpec()
    sensitivity: SensitivitySpec = SensitivitySpec()
    validation: ValidateSpec = ValidateSpec()
    package: PackageSpec = PackageSpec()
    search: SearchSpec = SearchSpec()
