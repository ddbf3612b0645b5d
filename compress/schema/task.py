"""What the network is for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from compress.schema.section import Section

TaskKind = Literal["enhance", "denoise", "super_resolution"]


class TaskSpec(Section):
    """Decides what a pair of pictures is, how their sizes relate, and what a result is judged by and drawn as."""

    kind: TaskKind = Field("enhance", description="compress.tasks has a file for each")
    scale: int | None = Field(None, ge=2, description="super_resolution: the answer's sides over the input's")
