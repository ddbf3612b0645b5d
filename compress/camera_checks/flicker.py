"""Does a build's brightness waver from frame to frame where the scene's does not?"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

_DARKEST = 1e-3
"""Added to means in codes, so that a black frame has a logarithm."""


@dataclass(frozen=True)
class Wavering:
    """Deviation over frames: of the log of the frame's mean, in percent, and of pixels (root mean square), in codes."""

    brightness_std_percent: float
    pixel_std_codes: float


def wavering(frames: Iterable[Picture]) -> Wavering:
    """Of two or more frames (H, W, 3) uint8 of one standing scene."""
    import numpy as np

    stack = np.stack([np.asarray(frame, np.float32) for frame in frames])
    logs = np.log(stack.mean(axis=(1, 2, 3), dtype=np.float64) + _DARKEST)
    noise = float(np.sqrt(stack.var(axis=0, ddof=1, dtype=np.float64).mean()))
    return Wavering(100.0 * float(logs.std(ddof=1)), noise)


def pan_changes_percent(darks: Iterable[Picture], run: Callable[[Picture], Picture], pan_px: int) -> tuple[float, ...]:
    """For each two successive frames of a pan to the right: how much the brightness of what both show differs between
    them, in percent, beyond what the input's own noise changes there. Never negative."""
    changes: list[float] = []
    before: tuple[Picture, Picture] | None = None
    for dark in darks:
        now = dark, run(dark)
        if before is not None:
            given, made = (_log_change(old, new, pan_px) for old, new in zip(before, now, strict=True))
            changes.append(100.0 * abs(made - given))
        before = now
    return tuple(changes)


def _log_change(old: Picture, new: Picture, pan_px: int) -> float:
    width = old.shape[1]
    shared = old[:, pan_px:].mean() + _DARKEST, new[:, : width - pan_px].mean() + _DARKEST
    return math.log(float(shared[1]) / float(shared[0]))
