"""Low-light enhancement: low is the scene shot at night, high the same scene well lit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.records import DARK_INPUT
from compress.tasks.picture import PictureTask

if TYPE_CHECKING:
    from torch import Generator

    from compress.data.source import Picture


class Enhance(PictureTask):
    """What this project was made for, and what a recipe means that says nothing of a task."""

    folders = (("low", "high"),)
    input_label = DARK_INPUT
    brightness_is_free = True

    @property
    def mark(self) -> str:
        """Nothing: these pictures were there before there were tasks."""
        return ""

    def low_of(self, high: Picture, generator: Generator) -> Picture:
        """``high`` shot at night (``compress.data.camera``)."""
        from compress.data.camera import EMBEDDED_CAMERA, shot_by

        return shot_by(EMBEDDED_CAMERA, high, generator)
