"""Low-light methods that learn nothing, by name: what a network has to beat.

Each takes a picture (H, W, 3) uint8 RGB, H and W at least 16, and gives one of the same size and type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from compress.classical.clahe import clahe
from compress.classical.gamma import gamma
from compress.classical.lime import lime
from compress.classical.msrcr import msrcr

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

Method = Callable[["Picture"], "Picture"]

CLASSICAL: Mapping[str, Method] = {"clahe": clahe, "gamma": gamma, "lime": lime, "msrcr": msrcr}
