"""Denoising: low is high with a camera's noise, as bright as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.tasks.picture import PictureTask

if TYPE_CHECKING:
    from torch import Generator

    from compress.data.source import Picture


class Denoise(PictureTask):
    """Pairs of one size and one brightness."""

    folders = (("noisy", "clean"), ("low", "high"))
    input_label = "noisy input"

    def low_of(self, high: Picture, generator: Generator) -> Picture:
        """``high`` with the shot and read noise of a camera at full light (``compress.data.camera``)."""
        from compress.data.camera import NOISY_CAMERA, shot_by

        return shot_by(NOISY_CAMERA, high, generator)
