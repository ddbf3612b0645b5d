"""Every setting, once: type, default, bounds and meaning.

A *section* is the unit that a stage may read. Sections are frozen; unknown keys are refused. What
enters the key of a stage is ``section.identity()``: the settings, with paths replaced by the digest
of what they point to, so that moving a folder changes nothing and changing a byte does. Pictures are
digested outside (``data.source.data_identity``), as this package imports nothing that reads them.
"""

from __future__ import annotations

from compress.schema.calibration import DataSpec, NamedSlice, Slices
from compress.schema.degrade import DegradeSpec
from compress.schema.derived import (
    Board,
    ControlSpec,
    FloatLayers,
    LayerTiming,
    Names,
    PictureSize,
    Promotion,
    Seed,
    TaskData,
    UntrainedBudget,
)
from compress.schema.foreign import AdapterSpec, SourceSpec
from compress.schema.recipe import Recipe, StageName
from compress.schema.search import Range, SearchSpec
from compress.schema.section import Fraction, PositiveInt, Section, Weight
from compress.schema.stages import (
    DistillSpec,
    MetricWeights,
    PackageSpec,
    PruneSpec,
    QuantizeSpec,
    SensitivitySpec,
    StudentSpec,
    TeacherSpec,
    TeachSpec,
    ValidateSpec,
)
from compress.schema.target import (
    OF_PICTURES,
    Budget,
    Channels,
    DeviceSpec,
    ExportSpec,
    HardwareFact,
    MetricLimit,
    Scheme,
    Target,
)
from compress.schema.task import TaskSpec, TaskWeights
from compress.schema.training import Augment, Hint, Phase, PictureLoss, Retinex, Train
from compress.schema.unpaired import UnpairedSpec

__all__ = [
    "OF_PICTURES",
    "AdapterSpec",
    "Augment",
    "Board",
    "Budget",
    "Channels",
    "ControlSpec",
    "DataSpec",
    "DegradeSpec",
    "DeviceSpec",
    "DistillSpec",
    "ExportSpec",
    "FloatLayers",
    "Fraction",
    "HardwareFact",
    "Hint",
    "LayerTiming",
    "MetricLimit",
    "MetricWeights",
    "NamedSlice",
    "Names",
    "PackageSpec",
    "Phase",
    "PictureLoss",
    "PictureSize",
    "PositiveInt",
    "Promotion",
    "PruneSpec",
    "QuantizeSpec",
    "Range",
    "Recipe",
    "Retinex",
    "Scheme",
    "SearchSpec",
    "Section",
    "Seed",
    "Slices",
    "SensitivitySpec",
    "SourceSpec",
    "StageName",
    "StudentSpec",
    "Target",
    "TaskData",
    "TaskSpec",
    "TaskWeights",
    "TeachSpec",
    "TeacherSpec",
    "Train",
    "UnpairedSpec",
    "UntrainedBudget",
    "ValidateSpec",
    "Weight",
]
