"""Contrast-limited adaptive histogram equalization, by scikit-image."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

CLIP_LIMIT = 0.03
"""Largest share of a tile's pixels in one bin, above which the rest is spread over all bins."""


def clahe(dark: Picture) -> Picture:
    """(H, W, 3) uint8 RGB to the same: the value of HSV in tiles of an eighth of the sides.

    Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994.
    """
    import numpy as np
    from skimage.exposure import equalize_adapthist

    bright: Picture = np.rint(255.0 * equalize_adapthist(dark, clip_limit=CLIP_LIMIT)).astype(np.uint8)
    return bright
