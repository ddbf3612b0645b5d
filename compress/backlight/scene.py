"""Photographs with the light of one side taken away, as a camera would deliver them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.data.source import Picture

_SLANT = 0.6
"""Radians to either side of light from above: a window, a doorway, the sky behind a subject."""


@dataclass(frozen=True)
class Backlit:
    """``given`` (H, W, 3) uint8; ``lit`` (H, W): how much of the light that was taken is left there; ``exposure``:
    share of the light where all of it was taken."""

    given: Picture
    lit: NDArray[np.float32]
    exposure: float


def backlit(photograph: Picture, name: str) -> Backlit:
    """(H, W, 3) uint8, lit from above; ``name`` decides from where exactly, and how dark it is below."""
    import torch

    from compress.data.camera import EMBEDDED_CAMERA, sample_night, shoot
    from compress.degradation.side_light import side_light

    seed = int.from_bytes(hashlib.sha256(f"backlit {name}".encode()).digest()[:7], "big")
    generator = torch.Generator().manual_seed(seed)
    turn, place, softness = torch.rand((3, 1, 1, 1, 1), generator=generator)
    angle = -math.pi / 2 + _SLANT * (2 * turn - 1)
    height, width = photograph.shape[:2]
    lit = side_light(height, width, angle, 0.4 * place - 0.2, 0.04 + 0.06 * softness)
    shot = sample_night(EMBEDDED_CAMERA, 1, generator)
    return Backlit(shoot(photograph, shot, generator, lit), lit[0, 0].numpy(), float(shot.exposure[0]))
