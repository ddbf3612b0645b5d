"""What the network is for."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from compress.schema.section import Section

TaskKind = Literal["enhance", "denoise", "super_resolution", "detect"]


class TaskSpec(Section):
    """Decides what a picture's truth is, how sizes relate, and what a result is judged by and drawn as."""

    kind: TaskKind = Field("enhance", description="compress.tasks has a file for each")
    scale: int | None = Field(None, ge=2, description="super_resolution: the answer's sides over the input's")
    classes: tuple[str, ...] = Field((), description="detect: class names; none: those in the set's classes.txt")

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without classes where there are none: pictures for tasks of pictures are what they were."""
        data: dict[str, Any] = plain(self)
        return {name: value for name, value in data.items() if name != "classes" or value}
