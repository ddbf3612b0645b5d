"""Pictures with boxes, shot at night: the dark picture goes in, the well-lit one and the boxes are true of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compress.data.boxes import BoxSource
from compress.data.camera import CAMERA_VERSION, PUBLISHED_CAMERA, shot_by
from compress.data.source import Source

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Generator

    from compress.detection.truth import BoxTruth

    Picture = NDArray[np.uint8]

NIGHT = PUBLISHED_CAMERA
"""Whose shots are learned and measured; exposure, noise and quantization are drawn anew for each picture."""

NIGHT_MARK = f"night 1.{CAMERA_VERSION}"
"""Of the pictures that ``shot_of`` makes; the first part is raised when the same camera is asked otherwise."""


@dataclass(frozen=True, eq=False)
class NightTruth:
    """``bright``: the well-lit picture, (H, W, 3) uint8 RGB, of the dark one's size; ``boxes`` in pixels of both."""

    bright: Picture
    boxes: BoxTruth


class NightSource(Source[NightTruth]):
    """A set with boxes, each picture shot at night once, as its name decides. Shared: copy before writing.

    ``lit``: nothing is darkened, and what goes in is the well-lit picture itself. Training draws shots of its own
    (``compress.data.night_batches``).
    """

    def __init__(self, pictures: BoxSource, *, lit: bool = False) -> None:
        self.pictures, self.lit = pictures, lit
        self.names, self.scenes = pictures.names, pictures.scenes
        self._shots: dict[int, Picture] = {}

    def pair(self, index: int) -> tuple[Picture, NightTruth]:
        """The picture as the network sees it, and what is true of it. Raises DataError as the set's own."""
        bright, boxes = self.pictures.pair(index)
        return bright if self.lit else self._shot(index, bright), NightTruth(bright, boxes)

    def _shot(self, index: int, bright: Picture) -> Picture:
        """Kept where the set keeps its pictures: two threads that both make one make the same."""
        dark = self._shots.get(index)
        if dark is None:
            dark = shot_by(NIGHT, bright.copy(), shot_of(self.names[index]))
            if len(self._shots) < self.pictures.room:
                self._shots[index] = dark
        return dark


def shot_of(*drawn_for: object) -> Generator:
    """The random numbers of one shot, decided by what it is drawn for: a picture's name, or seed, step and place."""
    import torch

    words = ":".join(map(str, ("night", *drawn_for)))
    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(words.encode()).digest()[:7], "big"))
