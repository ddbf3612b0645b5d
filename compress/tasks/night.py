"""Night: a brighter, cleaner picture and what is in it, by one network from one dark picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.data.night import NIGHT_MARK
from compress.detection.answer import PictureAndBoxes
from compress.models.outputs import PICTURE_AND_MAPS
from compress.records import DARK_INPUT
from compress.tasks.base import Judge, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from compress.data.batches import Guide
    from compress.data.night import NightTruth
    from compress.data.night_batches import NightPlan
    from compress.data.source import Source
    from compress.metrics.wanted import Wanted
    from compress.records import Build, Variant
    from compress.runtimes.base import RunOptions
    from compress.schema import PictureLoss, Train
    from compress.schema.task import TaskWeights
    from compress.training.lesson import Lesson
    from compress.training.loop import Objective, Ranks, Watch

    Picture = NDArray[np.uint8]


class Night(Task[PictureAndBoxes, "NightTruth"]):
    """Pictures with boxes of ``classes`` are shot at night; ``weights``: of the two tasks in the loss."""

    answers = "both"
    outputs = PICTURE_AND_MAPS
    input_label = f"{DARK_INPUT}, no boxes"
    metrics = ("psnr", "ssim", "map50", "map50_95")
    looks = 8  # both heads and the boxes' decoder: at 20 moments a third of a short training's time
    mark_of_boxes = NIGHT_MARK
    boxes_on_input = True

    def __init__(self, classes: tuple[str, ...], weights: TaskWeights) -> None:
        self.classes, self.weights = classes, weights

    def made_of(self, source: Source[Any]) -> Source[Any]:
        """Each picture shot at night."""
        from compress.data.boxes import BoxSource
        from compress.data.night import NightSource

        assert isinstance(source, BoxSource)
        return NightSource(source)

    def untouched(self, low: Picture) -> PictureAndBoxes:
        """The dark picture, and no boxes."""
        import numpy as np

        from compress.metrics.detection import Boxes

        return PictureAndBoxes(low, Boxes(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0)))

    def schedule(self, source: Source[Any], train: Train, seed: int, guide: Guide | None, group: Ranks) -> NightPlan:
        from compress.data.night import NightSource
        from compress.data.night_batches import NightPlan

        assert isinstance(source, NightSource)
        return NightPlan(source, train.phases, train.augment, seed, group.rank, group.count)

    def objective(self, weights: PictureLoss) -> Objective:
        from compress.losses.night import NightSupervised

        return NightSupervised(weights, self.weights)

    def lesson(self, lesson: Lesson) -> tuple[Objective, Guide | None]:
        """The teacher is asked about each batch."""
        import torch

        from compress.losses.night import NightDistill

        torch.manual_seed(lesson.seed)
        return NightDistill(lesson.spec, self.weights, lesson.net, lesson.teacher), None

    def watch(self, source: Source[Any]) -> Watch:
        from compress.training.watched import both_of

        return lambda net: both_of(net, source)

    def ask(self, net: nn.Module) -> Callable[[Picture], PictureAndBoxes]:
        from compress.models.both import asked_both

        return asked_both(net)

    def ask_build(self, build: Build, folder: Path, options: RunOptions) -> Callable[[Picture], PictureAndBoxes]:
        from compress.runtimes.both import BothRunner

        return BothRunner(build, folder, options)

    def judge(
        self, variants: Sequence[Variant], full: Variant, wanted: Sequence[Wanted]
    ) -> Judge[PictureAndBoxes, NightTruth]:
        from compress.metrics.night_scoring import NightScorer

        return NightScorer(variants, full, wanted)

    def drawn(self, low: Picture, answer: PictureAndBoxes) -> Picture:
        """The enhanced picture with what is sure enough to be shown."""
        from compress.detection.draw import drawn_boxes

        return drawn_boxes(answer.picture, answer.boxes, self.classes, scores=True)

    def drawn_input(self, low: Picture, answer: PictureAndBoxes) -> Picture:
        """The dark picture with the same boxes: there they were found, and there they are hard to see."""
        return self.drawn(low, PictureAndBoxes(low, answer.boxes))

    def drawn_truth(self, low: Picture, truth: NightTruth) -> Picture:
        """The well-lit picture with its boxes."""
        from compress.detection.draw import drawn_boxes

        return drawn_boxes(truth.bright, truth.boxes.boxes, self.classes, scores=False)
