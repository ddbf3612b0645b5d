"""Scores of networks with two heads: of their pictures one by one, and of their boxes over the whole set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from compress.detection.answer import PictureAndBoxes
from compress.metrics.box_scoring import BoxScorer
from compress.metrics.scoring import Scorer
from compress.metrics.wanted import Wanted
from compress.records import MetricFacts, Origin, QualityRow, Through, Variant
from compress.tasks.base import Judge

if TYPE_CHECKING:
    from compress.data.night import NightTruth


class NightScorer(Judge[PictureAndBoxes, "NightTruth"]):
    """PSNR and SSIM of the picture against the well-lit one, mAP of the boxes; each as the task of one head has it."""

    definition = f"of the picture: {Scorer.definition}; of the boxes: {BoxScorer.definition}"
    by_picture = True

    def __init__(self, variants: Sequence[Variant], full: Variant, wanted: Sequence[Wanted]) -> None:
        self._wanted = tuple(wanted)
        self._pictures = Scorer(variants, full, [each for each in wanted if each.metric.kind != "detection"])
        self._boxes = BoxScorer(variants, [each for each in wanted if each.metric.kind == "detection"])

    def add(self, answers: Sequence[PictureAndBoxes], truth: NightTruth) -> None:
        """One picture."""
        self._pictures.add([answer.picture for answer in answers], truth.bright)
        self._boxes.add([answer.boxes for answer in answers], truth.boxes)

    def row(self, number: int, runtime: Through, origin: Origin) -> QualityRow:
        """Raises DataError where no picture has a box."""
        seen, found = (each.row(number, runtime, origin) for each in (self._pictures, self._boxes))
        return seen.model_copy(update={"others": (*seen.others, *found.others)})

    def facts(self) -> tuple[MetricFacts, ...]:
        """In the order asked for."""
        known = {each.name: each for each in (*self._pictures.facts(), *self._boxes.facts())}
        return tuple(known[each.name] for each in self._wanted)
