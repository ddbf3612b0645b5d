"""What needs no network: the dark input, and one gamma curve for all pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from compress.data.source import PairSource, spread
from compress.metrics import psnr_db, ssim
from compress.metrics.full_reference import vif
from isp_bench.records import Row

Picture = NDArray[np.uint8]
EXPONENTS = tuple(round(0.1 + 0.02 * place, 2) for place in range(46))
LOOKED_AT = 64
"""Training pairs that the exponent is chosen on, spread over all of them."""


def curve(exponent: float) -> Callable[[Picture], Picture]:
    """Codes to their power, on a scale of 1, rounded."""
    table = np.round(255.0 * (np.arange(256) / 255.0) ** exponent).astype(np.uint8)
    return lambda picture: table[picture]


def best_exponent(train: PairSource) -> float:
    """Of ``EXPONENTS``, by the mean PSNR of training pairs: the only place here that looks at a pair of them."""
    pairs = [train.pair(place) for place in spread(len(train), LOOKED_AT)]

    def mean_db(exponent: float) -> float:
        bend = curve(exponent)
        return sum(psnr_db(bend(low), high) for low, high in pairs) / len(pairs)

    return max(EXPONENTS, key=mean_db)


def plain_row(name: str, test: PairSource, answer: Callable[[Picture], Picture]) -> Row:
    """The scores of ``answer`` on all test pictures."""
    pairs = [(answer(low), high) for low, high in map(test.pair, range(len(test)))]
    scores = {
        each.__name__: tuple(round(each(*pair), 6) for pair in pairs) for each in (psnr_db, ssim, vif)
    }  # fmt: skip
    return Row(name=name, through="none", **scores)
