"""LIME: the picture over a smoothed map of its illumination.

Guo, Li and Ling, "LIME: Low-light image enhancement via illumination map estimation", TIP 2017: the map starts as the
largest of R, G and B; it is refined so that it is smooth where the first one has texture and keeps its strong edges
(equation 19, the sped-up solver: one linear system, weights of strategy III); a power of it divides the picture. The
paper's optional denoising by BM3D in YUV is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Map = NDArray[np.float64]

SMOOTHNESS = 0.15
"""How much smoothness weighs against the first map (alpha)."""

GAMMA = 0.8
"""The map is taken to this power before it divides."""

DARKEST = 0.05
"""The map is at least this, on a scale of 1: no pixel is brightened more than DARKEST ** -GAMMA times, 11."""

_EDGE = 1e-3
_RESIDUAL = 1e-4
_STEPS = 500


def lime(dark: Picture) -> Picture:
    """(H, W, 3) uint8 RGB to the same."""
    import numpy as np

    picture = dark.astype(np.float64) / 255.0
    light = np.clip(refined(picture.max(axis=2)), DARKEST, 1.0) ** GAMMA
    return np.rint(255.0 * np.clip(picture / light[:, :, None], 0.0, 1.0)).astype(np.uint8)


def refined(first: Map) -> Map:
    """The map (H, W) in [0, 1] that is near to ``first`` and smooth but for its edges.

    ``(I + alpha (Dx' Wx Dx + Dy' Wy Dy)) t = first``, D the differences of neighbours and W the weights.
    """
    import numpy as np
    from scipy.sparse import diags_array, eye_array
    from scipy.sparse.linalg import cg

    height, width = first.shape
    system = eye_array(height * width, format="csr")
    for axis, stride in ((0, width), (1, 1)):
        steps = np.zeros((height, width))
        weights = SMOOTHNESS * _edge_weights(first, axis)
        steps[tuple(slice(0, n - (k == axis)) for k, n in enumerate(first.shape))] = weights
        links = steps.ravel()
        before = np.concatenate((np.zeros(stride), links[:-stride]))
        off = -links[:-stride]
        system = system + diags_array((links + before, off, off), offsets=(0, stride, -stride), format="csr")
    diagonal = diags_array(1.0 / system.diagonal(), format="csr")
    solution, _ = cg(system, first.ravel(), x0=first.ravel(), rtol=_RESIDUAL, maxiter=_STEPS, M=diagonal)
    found: Map = np.clip(solution.reshape(first.shape), 0.0, 1.0)
    return found


def _edge_weights(first: Map, axis: int) -> Map:
    """Of each pair of neighbours along ``axis``: small where the map changes there, as it is and blurred."""
    import numpy as np
    from scipy.ndimage import gaussian_filter1d

    slope = np.diff(first, axis=axis)
    blurred = gaussian_filter1d(slope, sigma=2.0, axis=axis)
    weights: Map = 1.0 / ((np.abs(blurred) + _EDGE) * (np.abs(slope) + _EDGE))
    return weights
