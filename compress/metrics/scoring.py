"""Scores of what several networks make of the same pictures: each picture once, all networks at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from compress.metrics.full_reference import DEFINITION, gtmean_psnr_db, psnr_db, ssim
from compress.metrics.no_reference import open_metric, why_not
from compress.metrics.wanted import Wanted
from compress.records import MetricFacts, MetricValues, Origin, QualityRow, Through, Variant
from compress.tasks.base import Judge

if TYPE_CHECKING:
    from compress.metrics.full_reference import Picture

QUANTIZED: tuple[Variant, ...] = ("int8", "ptq")


class Scorer(Judge["Picture", "Picture"]):
    """Collects the scores of ``variants`` (equal ones may stand there twice, through different runtimes).

    ``full``: the float network that became INT8, which INT8's pictures are also compared with. What of ``wanted``
    can't be measured is left out, and ``facts`` says why.
    """

    definition = DEFINITION
    by_picture = True

    def __init__(self, variants: Sequence[Variant], full: Variant, wanted: Sequence[Wanted] = ()) -> None:
        self._variants, self._full = tuple(variants), full
        self._scores: list[list[_Score]] = [[] for _ in self._variants]
        self._others = [_Other.open(each) for each in wanted]

    def add(self, answers: Sequence[Picture], truth: Picture) -> None:
        """One picture: what each of the variants made of it, and what it should be; (H, W, 3) uint8 of one size."""
        floating = dict(zip(self._variants, answers, strict=True)).get(self._full)
        for other in self._others:
            other.see(truth)
        for variant, answer, scores in zip(self._variants, answers, self._scores, strict=True):
            to_float = psnr_db(answer, floating) if variant in QUANTIZED and floating is not None else None
            others = tuple(other.of(answer, truth) for other in self._others)
            scores.append(
                _Score(psnr_db(answer, truth), ssim(answer, truth), gtmean_psnr_db(answer, truth), to_float, others)
            )

    def row(self, number: int, runtime: Through, origin: Origin) -> QualityRow:
        """The scores of variant ``number``, in the order of the pictures."""
        scores = self._scores[number]
        return QualityRow(
            variant=self._variants[number], runtime=runtime, origin=origin,
            psnr_db=tuple(round(score.psnr_db, 6) for score in scores),
            ssim=tuple(round(score.ssim, 8) for score in scores),
            psnr_gtmean_db=tuple(round(score.psnr_gtmean_db, 6) for score in scores),
            psnr_to_float_db=tuple(round(s.to_float_db, 6) for s in scores if s.to_float_db is not None),
            others=tuple(
                MetricValues(metric=other.wanted.name, values=tuple(round(s.others[place] or 0.0, 6) for s in scores))
                for place, other in enumerate(self._others) if other.problem is None
            ),
        )  # fmt: skip

    def facts(self) -> tuple[MetricFacts, ...]:
        """What the metrics beside PSNR and SSIM mean, and why one has no values."""
        return tuple(other.facts() for other in self._others)


@dataclass(frozen=True)
class _Score:
    """One picture. ``to_float_db``: PSNR to what the float network makes of it; ``others``: None once not measured."""

    psnr_db: float
    ssim: float
    psnr_gtmean_db: float
    to_float_db: float | None
    others: tuple[float | None, ...]


@dataclass
class _Other:
    """A metric at work; ``problem``: why it is not measured, None as long as it is."""

    wanted: Wanted
    alone: Callable[[Picture], float] | None
    problem: str | None

    @classmethod
    def open(cls, wanted: Wanted) -> _Other:
        if wanted.metric.kind == "detection":
            return cls(wanted, None, "it is of boxes, and these networks answer with pictures")
        if not wanted.metric.needs_weights:
            return cls(wanted, None, None)
        problem = why_not(wanted.name, wanted.weights)
        if problem is not None or wanted.weights is None:
            return cls(wanted, None, problem)
        return cls(wanted, open_metric(wanted.name, wanted.weights), None)

    def see(self, truth: Picture) -> None:
        """A picture that is too small ends the measurement: a mean over the others would be another figure."""
        least, (height, width) = self.wanted.metric.least_side, truth.shape[:2]
        if self.problem is None and min(height, width) < least:
            self.problem = f"takes pictures of {least}x{least} and larger, one is {height}x{width}"

    def of(self, answer: Picture, truth: Picture) -> float | None:
        if self.problem is not None:
            return None
        if self.wanted.metric.compare is not None:
            return self.wanted.metric.compare(answer, truth)
        return self.alone(answer) if self.alone is not None else None

    def facts(self) -> MetricFacts:
        metric = self.wanted.metric
        return MetricFacts(
            name=self.wanted.name, heading=metric.heading, unit=metric.unit, decimals=metric.decimals,
            higher_is_better=metric.higher_is_better, definition=metric.definition, library=self.wanted.library,
            weights_sha256=self.wanted.weights_sha256, not_measured=self.problem,
        )  # fmt: skip
