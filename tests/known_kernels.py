"""Photographs that lie on every machine, shrunk by kernels that are known."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from compress.data.embedded import embedded_files
from compress.data.pictures import read_picture
from compress.degradation.kernel import Taps, oriented, shrunk
from compress.models.enhance import to_picture, to_tensor
from compress.schema import DataSpec

PHOTOGRAPHS = ("coffee", "chelsea", "astronaut", "rocket", "china", "flower")

KNOWN = ((0.45, 0.3, 0), (0.6, 0.3, 45), (0.75, 0.4, 90), (0.9, 0.5, 30), (1.0, 0.35, 120), (1.1, 0.65, 150))
"""Standard deviations in pixels of the small picture, and degrees."""


@cache
def photograph(name: str) -> NDArray[np.uint8]:
    picture = read_picture(embedded_files(DataSpec(licence="any", kind="embedded"))[name])
    return picture[: picture.shape[0] // 12 * 12, : picture.shape[1] // 12 * 12]


def known_kernel(place: int, scale: int) -> Taps:
    along, beside, degrees = KNOWN[place]
    return oriented(scale, along * scale, beside * scale, degrees)


def given(name: str, taps: Taps, scale: int, noise: float = 0.0) -> NDArray[np.uint8]:
    small = shrunk(to_tensor(photograph(name)), taps, scale)
    return to_picture(small + noise * torch.randn(small.shape, generator=torch.Generator().manual_seed(0)))
