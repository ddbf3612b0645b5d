"""``ptq_foreign.json``: what int8 without training costs each network, before and after promotion."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator

from compress.metrics.distance import distance_db, untrained_loss_db
from compress.records import QualityReport, QualityRow, Record, SpeedReport

THROUGH = "openvino"


class Costs(Record):
    """On the test pictures, in dB: PSNR lost, distance to the float answer, and of each picture the larger one."""

    drop_db: tuple[float, ...]
    distance_db: tuple[float, ...]
    loss_db: tuple[float, ...]
    float_ms: float
    int8_ms: float

    def cells(self) -> Iterator[str]:
        """Drop and distance, each mean and worst."""
        for figures in (self.drop_db, self.distance_db):
            yield f"{statistics.fmean(figures):+.3f}"
            yield f"{max(figures):+.3f}"


class Row(Record):
    """One network. ``held_in_choice``: whether the limits held on the validation pictures; ``told``: the stage's words.

    ``psnr_db``: mean of the float network on the test pictures.
    """

    network: str
    what: str
    psnr_db: float
    before: Costs
    after: Costs
    promoted: int
    layers: int
    held_in_choice: bool
    told: tuple[str, ...]
    verdict: str

    @property
    def speed_left(self) -> float:
        """Of what would ship, over the float network in the same session."""
        return self.after.float_ms / self.after.int8_ms


class File(Record):
    """All of a run."""

    data: str
    words: tuple[str, ...]
    steps: int
    fingerprint: dict[str, str]
    mean_db: float | None = None
    worst_db: float | None = None
    test_images: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


def costs_of(quality: QualityReport, speed: SpeedReport) -> tuple[Costs, float]:
    """What INT8 costs through the device's runtime, and the float network's mean PSNR."""
    full, int8 = _row(quality, "student"), _row(quality, "int8")
    triples = list(zip(full.psnr_db, int8.psnr_db, int8.psnr_to_float_db, strict=True))
    p50 = {row.variant: row.p50_ms for row in speed.rows if row.runtime == THROUGH}
    costs = Costs(
        drop_db=_rounded(before - after for before, after, _ in triples),
        distance_db=_rounded(distance_db(near, before) for before, _, near in triples),
        loss_db=_rounded(untrained_loss_db(*each) for each in triples),
        float_ms=p50.get("student", math.nan), int8_ms=p50.get("int8", math.nan),
    )  # fmt: skip
    return costs, statistics.fmean(full.psnr_db)


def _row(quality: QualityReport, variant: str) -> QualityRow:
    return next(row for row in quality.rows if (row.variant, row.runtime) == (variant, THROUGH))


def _rounded(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(round(value, 5) + 0.0 for value in values)
