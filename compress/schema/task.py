"""What the network is for."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, SerializationInfo, SerializerFunctionWrapHandler, model_serializer

from compress.schema.section import WHOLE, Section, Weight

TaskKind = Literal["enhance", "denoise", "super_resolution", "detect", "night"]


class TaskWeights(Section):
    """What the losses of a network's two heads weigh, in every training of its chain."""

    boxes: Weight = 1.0
    picture: Weight = 1.0


class TaskSpec(Section):
    """Decides what a picture's truth is, how sizes relate, and what a result is judged by and drawn as."""

    kind: TaskKind = Field("enhance", description="compress.tasks has a file for each")
    scale: int | None = Field(None, ge=2, description="super_resolution: the answer's sides over the input's")
    classes: tuple[str, ...] = Field((), description="detect, night: class names; none: those that the set names")
    weights: TaskWeights = Field(TaskWeights(), description="night: of the losses of its two heads")

    @model_serializer(mode="wrap")
    def _as_before(self, plain: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        """Without classes where there are none, and weights of one task: pictures for those are what they were."""
        data: dict[str, Any] = plain(self)
        if info.context == WHOLE:
            return data
        left_out = {"classes": not self.classes, "weights": self.kind != "night"}
        return {name: value for name, value in data.items() if not left_out.get(name)}
