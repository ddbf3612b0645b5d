"""How strong a picture's noise is, from its flattest patches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PATCH = 7
_LEAST = 2.5 / 255
"""Fine texture of clean pictures looks like noise of up to this."""


def noise_level(grey: NDArray[np.float32]) -> float:
    """Standard deviation of the white noise of a picture (H, W), both in [0, 1]; 0 where it is less than 2.5
    codes, which texture is taken for as well.

    The eigenvalues of the patches' covariance that no structure has raised are the noise's variance: the largest ones
    are left out until mean and median of the rest are one (Chen, Zhu, Heng, ICCV 2015).
    """
    windows = np.lib.stride_tricks.sliding_window_view(grey.astype(np.float64), (_PATCH, _PATCH))
    patches = windows[::2, ::2].reshape(-1, _PATCH * _PATCH)
    values = np.sort(np.linalg.eigvalsh(np.cov(patches, rowvar=False)))
    for count in range(len(values), 1, -1):
        rest = values[:count]
        if rest.mean() <= np.median(rest):
            break
    level = float(np.sqrt(max(0.0, rest.mean())))
    return level if level > _LEAST else 0.0
