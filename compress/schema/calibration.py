"""Which pictures."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from compress.detection.placing import Fit
from compress.schema.section import PositiveInt, Section

_OF_FRAMES = {"test_fraction", "every", "min_change", "gap"}
_OF_BOXES = {"fit", "labelled"}
"""Settings that no other kind looks at: they stay out of its identity."""


class NamedSlice(Section):
    """Test pictures to be looked at by themselves, by patterns of their names: ``night-*``."""

    name: str = Field(..., min_length=1)
    pictures: tuple[str, ...] = Field(..., min_length=1)


class Slices(Section):
    """The calibration set's own slices, for the stage that measures: none of the others depends on them."""

    named: tuple[NamedSlice, ...]


class DataSpec(Section):
    """Pictures: where they lie, what they may be used for, how they are split."""

    description: str = ""
    licence: str = Field(..., description="who owns the pictures and what they may be used for")
    kind: Literal["embedded", "paired", "frames", "boxes"] = Field(
        ...,
        description="photographs shipped with a library, pairs in folders or shards, frames without ground truth, or a "
        "folder of pictures with boxes",
    )
    root: str | None = Field(
        None, description="paired, boxes: the folder; frames: a folder of pictures or videos, or a video"
    )
    train: str = Field(
        "train", description="paired: subfolder with low/ and high/, or with .tar shards, for training and validation"
    )
    test: str = Field("test", description="paired: the same that nothing is trained on")
    val_fraction: float = Field(0.05, ge=0, lt=0.5, description="share of the training scenes kept for validation")
    test_fraction: float = Field(
        0.1, gt=0, lt=0.5, description="frames, and boxes without split.csv: share kept for the test"
    )
    every: PositiveInt | None = Field(
        None, description="frames: every n-th; not given: every picture, every 10th of a video"
    )
    min_change: float = Field(
        0.03, ge=0, lt=1, description="frames: left out where it differs less, in share of its brightness, from another"
    )
    gap: int | None = Field(
        None, ge=0, description="frames: left out between two splits of a scene; not given: a twentieth of it, 1 to 5"
    )
    exclude: tuple[str, ...] = Field((), description="names of training pairs to leave out")
    size: tuple[PositiveInt, PositiveInt] | None = Field(
        None, description="embedded: height and width of the pictures; boxes: what they are brought to"
    )
    fit: Fit = Field("letterbox", description="boxes: how a picture is brought to data.size")
    labelled: Literal["all", "named"] = Field(
        "all", description="boxes: all classes were looked for in each picture, or those alone that its file names"
    )
    copies: PositiveInt = Field(4, description="embedded: differently darkened copies of a photograph")
    memory_mib: PositiveInt = Field(2048, description="decoded pictures kept in memory, at most")
    slices: tuple[NamedSlice, ...] = Field((), description="test pictures that are also judged by themselves")

    @field_validator("slices")
    @classmethod
    def _names_differ(cls, slices: tuple[NamedSlice, ...]) -> tuple[NamedSlice, ...]:
        names = [each.name for each in slices]
        taken = sorted({name for name in names if names.count(name) > 1 or name in ("dark", "mid", "bright")})
        if taken:
            raise ValueError(f"{', '.join(taken)}: each slice needs a name of its own, not dark, mid or bright")
        return slices

    def identity(self) -> dict[str, Any]:
        """Without the folder; the stages' keys hold the pictures' digest beside it (``data.source.data_identity``)."""
        apart = {"root", "memory_mib", "description", "licence", "slices"}
        if self.kind == "boxes":
            apart |= _OF_FRAMES | {"train", "test", "copies"}
            return self.model_dump(mode="json", exclude=apart - {"test_fraction"})
        apart |= _OF_BOXES
        return self.model_dump(mode="json", exclude=apart if self.kind == "frames" else apart | _OF_FRAMES)
