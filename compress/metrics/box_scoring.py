"""mAP of what several networks find in the same pictures."""

from __future__ import annotations

from collections.abc import Sequence

from compress.detection.truth import BoxTruth, known_only
from compress.errors import DataError
from compress.metrics.detection import MAP_DEFINITION, Boxes, map50, map50_95
from compress.metrics.wanted import Wanted
from compress.records import MetricFacts, MetricValues, Origin, QualityRow, Through, Variant
from compress.tasks.base import Judge

_OF_SET = {"map50": map50, "map50_95": map50_95}


class BoxScorer(Judge[Boxes, BoxTruth]):
    """Figures are of all pictures together, one value each: a mean over pictures would be another figure."""

    definition = f"mAP of boxes in [0, 1]: {MAP_DEFINITION}"
    by_picture = False

    def __init__(self, variants: Sequence[Variant], wanted: Sequence[Wanted]) -> None:
        self._variants, self._wanted = tuple(variants), tuple(wanted)
        self._found: list[list[Boxes]] = [[] for _ in self._variants]
        self._truths: list[Boxes] = []
        self._federated = False

    def add(self, answers: Sequence[Boxes], truth: BoxTruth) -> None:
        """One picture. What can't be told right or wrong in it does not count (``compress.detection.truth``)."""
        self._federated |= truth.labelled is not None
        for found, answer in zip(self._found, answers, strict=True):
            found.append(known_only(answer, truth))
        self._truths.append(truth.boxes)

    def row(self, number: int, runtime: Through, origin: Origin) -> QualityRow:
        """Raises DataError where no picture has a box."""
        if not any(map(len, self._truths)):
            raise DataError("no test picture has a box, so there is nothing to measure; put some into that split")
        values = tuple(
            MetricValues(metric=each.name, values=(round(_OF_SET[each.name](self._found[number], self._truths), 6),))
            for each in self._wanted if each.name in _OF_SET
        )  # fmt: skip
        return QualityRow(
            variant=self._variants[number], runtime=runtime, psnr_db=(), ssim=(), psnr_gtmean_db=(), origin=origin,
            others=values,
        )  # fmt: skip

    def facts(self) -> tuple[MetricFacts, ...]:
        """In the order asked for."""
        known = "; of classes not labelled in a picture, only boxes on other objects count there"
        return tuple(
            MetricFacts(
                name=each.name, heading=each.metric.heading, unit=each.metric.unit, decimals=each.metric.decimals,
                higher_is_better=each.metric.higher_is_better, library=each.library,
                definition=each.metric.definition + (known if self._federated else ""),
                not_measured=None if each.name in _OF_SET else "it is of pictures, and these networks find boxes",
            )
            for each in self._wanted
        )  # fmt: skip
