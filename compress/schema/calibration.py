"""Which pictures."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from compress.schema.section import PositiveInt, Section


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
    kind: Literal["embedded", "paired"] = Field(..., description="photographs shipped with a library, or a folder")
    root: str | None = Field(None, description="paired: the folder")
    train: str = Field("train", description="paired: subfolder with low/ and high/ for training and validation")
    test: str = Field("test", description="paired: subfolder with low/ and high/ that nothing is trained on")
    val_fraction: float = Field(0.05, ge=0, lt=0.5, description="share of the training scenes kept for validation")
    exclude: tuple[str, ...] = Field((), description="names of training pairs to leave out")
    size: tuple[PositiveInt, PositiveInt] | None = Field(None, description="embedded: height and width of the pictures")
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
        return self.model_dump(mode="json", exclude={"root", "memory_mib", "description", "licence", "slices"})
