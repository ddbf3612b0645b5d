"""How strong a picture's noise is, from its flattest patches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_PATCH = 7
_CODE = 1.0 / 255


def noise_level(grey: NDArray[np.float32]) -> float:
    """Standard deviation, in [0, 1], of the white noise of a picture (H, W) in [0, 1]; 0 where it has less than a code.

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
    return level if level > _CODE else 0.0
