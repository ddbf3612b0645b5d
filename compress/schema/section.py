"""The base of all settings, and the number types that they share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]


WHOLE = "whole"
"""Context of ``model_dump`` that writes down settings which are left out elsewhere, as keys are older than they."""


class Section(BaseModel):
    """Base of all settings: strict types, frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    def identity(self) -> dict[str, Any]:
        """What of this section decides the result of a stage that reads it (JSON types only)."""
        return self.model_dump(mode="json")
