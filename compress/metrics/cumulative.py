"""The absolute cumulative change of normalised indices: a reconstruction, for comparing low-light methods.

Kang (Academic Journal of Engineering and Technology Science 4(2), 2021) reports that the "absolute cumulative change of
the normalized objective index" is 42.21 %, 7.47 % and 30.18 % above "CLAHE and LIME": three figures for two names.
Neither indices nor normalisation are public. Here, by our own definition:

- indices of a picture: entropy of its luma, mean and standard deviation of its luma, mean gradient of its luma, and
  PSNR and SSIM to the truth; of a method their means over the pictures;
- each index is stretched so that it is 0 for the method that has least of it and 1 for the one that has most, the dark
  input among them; where all have the same it is 0 for all;
- a method's change is the sum over the indices of the absolute difference from the dark input's; its gain over another
  one is the quotient of both changes less one.

It rewards noise and exaggerated contrast (they raise entropy and gradient), depends on which methods are
compared, and can't be set beside the paper's figures as equal to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.metrics.full_reference import Picture

PUBLISHED_GAINS = (0.4221, 0.0747, 0.3018)
"""Of the paper, by its own definition, over CLAHE, LIME and a third method that its abstract does not name."""

LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Indices:
    """Entropy in bit, luma's mean and standard deviation and mean gradient in codes, PSNR in dB, SSIM."""

    entropy: float
    luminance: float
    contrast: float
    gradient: float
    psnr_db: float
    ssim: float


def indices_of(answer: Picture, truth: Picture) -> Indices:
    """The indices of one picture; both (H, W, 3) uint8, H and W at least 11."""
    import numpy as np

    from compress.metrics.full_reference import psnr_db, ssim

    luma = answer.astype(np.float64) @ np.array(LUMA)
    return Indices(
        entropy=_entropy(luma), luminance=float(luma.mean()), contrast=float(luma.std()), gradient=_gradient(luma),
        psnr_db=psnr_db(answer, truth), ssim=ssim(answer, truth),
    )  # fmt: skip


def mean_of(indices: Sequence[Indices]) -> Indices:
    """Mean of each index over pictures, at least one."""
    return Indices(*(sum(values) / len(indices) for values in zip(*map(astuple, indices), strict=True)))


def cumulative_changes(methods: Mapping[str, Indices], start: str) -> dict[str, float]:
    """The change of each method from the one called ``start``, which has 0; from 0 to the number of indices."""
    columns = list(zip(*map(astuple, methods.values()), strict=True))
    stretched = [_stretched(column) for column in columns]
    place = list(methods).index(start)
    return {
        name: sum(abs(column[number] - column[place]) for column in stretched) for number, name in enumerate(methods)
    }


def gain_over(changes: Mapping[str, float], ours: str, other: str) -> float:
    """How much larger the change of ``ours`` is than that of ``other``, as a share of that; no number where it is 0."""
    return changes[ours] / changes[other] - 1.0 if changes[other] else float("nan")


def _stretched(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]


def _entropy(luma: NDArray[np.float64]) -> float:
    import numpy as np

    counts = np.bincount(np.rint(luma).astype(np.int64).ravel(), minlength=256)
    shares = counts[counts > 0] / luma.size
    return float(-(shares * np.log2(shares)).sum())


def _gradient(luma: NDArray[np.float64]) -> float:
    """Mean over pixels of the root of the mean square of the steps down and across."""
    import numpy as np

    down, across = np.diff(luma, axis=0)[:, :-1], np.diff(luma, axis=1)[:-1]
    return float(np.sqrt((down**2 + across**2) / 2.0).mean())
