"""Multi-scale Retinex with colour restoration."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

SCALES = (15.0, 80.0, 250.0)
"""Standard deviations of the surrounds, in pixels of a picture whose shorter side has 400."""

COLOURFULNESS = 125.0
CLIPPED = 0.01
"""Share of the pixels that the stretch to black, and to white, clips."""


def msrcr(dark: Picture) -> Picture:
    """(H, W, 3) uint8 RGB to the same: log of each colour less log of its surround, mean of three scales, times how
    much of the pixel is that colour, stretched.

    Jobson, Rahman and Woodell, "A multiscale retinex for bridging the gap between color images and the human
    observation of scenes", TIP 1997. Gain and offset are theirs in form; here both ends are clipped by share, one
    stretch for all three colours.
    """
    import numpy as np
    from scipy.ndimage import gaussian_filter

    picture = dark.astype(np.float64) + 1.0
    size = min(dark.shape[:2]) / 400.0
    surrounds = (gaussian_filter(picture, (size * scale, size * scale, 0.0), truncate=3.0) for scale in SCALES)
    retinex = sum((np.log(picture / around) for around in surrounds), np.zeros_like(picture)) / len(SCALES)
    colour = np.log(COLOURFULNESS * picture / picture.sum(axis=2, keepdims=True))
    restored = retinex * colour
    low, high = np.quantile(restored, (CLIPPED, 1.0 - CLIPPED))
    stretched = (restored - low) / max(float(high - low), 1e-9)
    answer: Picture = np.rint(255.0 * np.clip(stretched, 0.0, 1.0)).astype(np.uint8)
    return answer
