"""Gamma correction whose exponent the picture's own brightness decides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

MIDDLE = 0.5
"""Where the mean brightness would come to, were the picture of one brightness."""

LEAST_EXPONENT = 0.2
"""A picture that is nearly black is not turned into its noise."""


def gamma(dark: Picture) -> Picture:
    """(H, W, 3) uint8 RGB to the same, ``picture ** (log MIDDLE / log mean)`` on a scale of 1; never darker.

    Babakhani and Zarei, "Automatic gamma correction based on average of brightness", ACSIJ 4(6), 2015.
    """
    import numpy as np

    mean = float(np.clip(dark.mean() / 255.0, 1 / 255, MIDDLE))
    exponent = max(LEAST_EXPONENT, math.log(MIDDLE) / math.log(mean))
    codes = np.rint(255.0 * (np.arange(256) / 255.0) ** exponent).astype(np.uint8)
    bright: Picture = codes[dark]
    return bright
