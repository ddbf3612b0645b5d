"""Detection: what is in a picture, and where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.metrics.detection import Boxes
from compress.models.outputs import MAPS_ALONE
from compress.tasks.base import Judge, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from compress.data.batches import Guide
    from compress.data.box_batches import BoxPlan
    from compress.data.source import Source
    from compress.detection.truth import BoxTruth
    from compress.metrics.wanted import Wanted
    from compress.records import Build, Variant
    from compress.runtimes.base import RunOptions
    from compress.schema import PictureLoss, Train
    from compress.training.lesson import Lesson
    from compress.training.loop import Objective, Ranks, Watch

    Picture = NDArray[np.uint8]


class Detect(Task[Boxes, "BoxTruth"]):
    """Boxes of ``classes``, held against boxes. Networks answer with maps (``compress.detection.decode``)."""

    answers = "boxes"
    outputs = MAPS_ALONE
    input_label = "no boxes"
    metrics = ("map50", "map50_95")
    brightness_is_free = True

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes

    def untouched(self, low: Picture) -> Boxes:
        """None."""
        import numpy as np

        return Boxes(np.zeros((0, 4)), np.zeros(0, np.int64), np.zeros(0))

    def schedule(self, source: Source[Any], train: Train, seed: int, guide: Guide | None, group: Ranks) -> BoxPlan:
        from compress.data.box_batches import BoxPlan
        from compress.data.boxes import BoxSource

        assert isinstance(source, BoxSource)
        return BoxPlan(source, train.phases, train.augment, seed, group.rank, group.count)

    def objective(self, weights: PictureLoss) -> Objective:
        """``weights`` are of pictures and have no say; a plan that sets them is refused."""
        from compress.losses.box_objectives import BoxSupervised

        return BoxSupervised()

    def lesson(self, lesson: Lesson) -> tuple[Objective, Guide | None]:
        """The teacher is asked about each batch."""
        from compress.losses.box_objectives import BoxDistill

        return BoxDistill(lesson.teacher, lesson.spec.output_weight), None

    def watch(self, source: Source[Any]) -> Watch:
        from compress.training.loop import Watched
        from compress.training.watched import map50_of

        return lambda net: Watched(map50=map50_of(net, source))

    def ask(self, net: nn.Module) -> Callable[[Picture], Boxes]:
        from compress.models.detect import asked

        return asked(net)

    def ask_build(self, build: Build, folder: Path, options: RunOptions) -> Callable[[Picture], Boxes]:
        from compress.runtimes.maps import BoxRunner

        return BoxRunner(build, folder, options)

    def judge(self, variants: Sequence[Variant], full: Variant, wanted: Sequence[Wanted]) -> Judge[Boxes, BoxTruth]:
        from compress.metrics.box_scoring import BoxScorer

        return BoxScorer(variants, wanted)

    def drawn(self, low: Picture, answer: Boxes) -> Picture:
        """What is sure enough to be shown."""
        from compress.detection.draw import drawn_boxes

        return drawn_boxes(low, answer, self.classes, scores=True)

    def drawn_truth(self, low: Picture, truth: BoxTruth) -> Picture:
        from compress.detection.draw import drawn_boxes

        return drawn_boxes(low, truth.boxes, self.classes, scores=False)
