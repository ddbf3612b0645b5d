"""``low_light.json``: everything that one run of the benchmark found, and what it was found on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from compress.metrics.cumulative import Indices
from compress.records import Record, Variant

Kind = Literal["input", "classical", "teacher"]


class Scores(Record):
    """Per image, in the order of ``LowLightFile.images``: dB, SSIM, dB at the truth's mean."""

    psnr_db: tuple[float, ...]
    ssim: tuple[float, ...]
    gtmean_db: tuple[float, ...]

    @property
    def mean_psnr_db(self) -> float:
        return mean(self.psnr_db)

    @property
    def worst_psnr_db(self) -> float:
        return min(self.psnr_db)


class Fixed(Record):
    """A method that nothing is trained for here. ``identity``: of what decides its figures.

    ``p50_ms``: of a picture of ``LowLightFile.size``, through OpenVINO (a network) or of the method as it is.
    """

    name: str
    kind: Kind
    identity: str
    scores: Scores
    indices: Indices
    params: int | None = None
    macs: int | None = None
    p50_ms: float | None = None


class Measured(Record):
    """One network of a chain through OpenVINO; MACs and latency at ``LowLightFile.size``."""

    variant: Variant
    scores: Scores
    params: int | None
    macs: int | None
    p50_ms: float | None


class Trained(Record):
    """A recipe with one seed. ``words``: what the command would be; ``digests``: of the chain's artefacts, by stage.

    ``indices``: of the float network that becomes INT8, through torch. ``own_teacher``: it trains its own teacher.
    ``student_val_db``, ``control_val_db``: PSNR on validation pictures at the end of the two trainings, None where
    there are none. ``commit``: of the code that made the row.
    """

    recipe: str
    seed: int
    words: tuple[str, ...]
    digests: dict[str, str]
    own_teacher: bool
    commit: str
    networks: tuple[Measured, ...]
    indices: Indices
    student_val_db: float | None = None
    control_val_db: float | None = None

    def of(self, variant: Variant) -> Measured | None:
        """The network of that kind; None where the chain has none or it was not measured."""
        return next((each for each in self.networks if each.variant == variant), None)


class Ablated(Record):
    """A distillation without one part of its loss. ``without``: the part, empty for the whole loss.

    ``val_psnr_db``: on validation pictures, of the last averaged weights; None where there are none of them.
    ``commit``: of the code that made the row.
    """

    recipe: str
    seed: int
    without: str
    digest: str
    commit: str
    val_psnr_db: float | None


class LowLightFile(Record):
    """``commit``: of the code that measured, with ``+`` for changes beside it; ``size``: height and width timed."""

    command: str
    commit: str
    data: str
    data_digest: str
    split_digest: str
    images: tuple[str, ...]
    size: tuple[int, int]
    seeds: tuple[int, ...]
    threads: int
    fingerprint: dict[str, str]
    versions: dict[str, str]
    fixed: tuple[Fixed, ...] = ()
    trained: tuple[Trained, ...] = ()
    ablated: tuple[Ablated, ...] = ()


def mean(values: Sequence[float]) -> float:
    """Mean of one value and more."""
    return math.fsum(values) / len(values)


def spread(values: Sequence[float]) -> float | None:
    """Standard deviation of a sample; None of one value."""
    if len(values) < 2:
        return None
    middle = mean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1))
