"""What tasks have in common whose answer and truth are pictures."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from compress.metrics.table import MetricName
from compress.models.outputs import PICTURE
from compress.tasks.base import Judge, Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Generator, Tensor, nn

    from compress.data.batches import BatchPlan, Guide
    from compress.data.source import Source
    from compress.metrics.wanted import Wanted
    from compress.records import Build, Variant
    from compress.runtimes.base import RunOptions
    from compress.schema import PictureLoss, Train
    from compress.training.lesson import Lesson
    from compress.training.loop import Objective, Ranks, Watch

    Picture = NDArray[np.uint8]

Size = tuple[int, int]
"""Height and width in pixels."""


class PictureTask(Task["Picture", "Picture"]):
    """``low`` goes into the network, ``high`` is what it should give.

    - ``version``: raised when ``low_of`` makes other pictures of the same ones (``low_of`` and what it calls);
    - ``folders``: subfolders of a paired set that hold low and high, the first pair of names that is there is taken;
    - ``brightness_is_free``: whether how bright the answer should be is for the network to find, so that training may
      vary how bright low is, and ask a teacher how bright high should be.
    """

    answers = "pictures"
    outputs = PICTURE
    folders: ClassVar[tuple[tuple[str, str], ...]]
    metrics: ClassVar[tuple[MetricName, ...]] = ("psnr", "ssim")

    @property
    def mark(self) -> str:
        """What sets pictures made for it apart from those made of the same photographs for another task."""
        return f" {type(self).__name__} {self.version} x{self.scale}"

    def high_size(self, low: Size) -> Size:
        """The size that high has where low has this one."""
        return low[0] * self.scale, low[1] * self.scale

    def size_rule(self) -> str:
        """How the sizes of a pair relate, in words for a message."""
        return "a pair needs one size" if self.scale == 1 else f"high should be {self.scale} times as high and wide"

    @abstractmethod
    def low_of(self, high: Picture, generator: Generator) -> Picture:
        """What would have been given for ``high``: sides are high's over ``scale``. Decided by the generator alone.

        Raises DataError for a ``high`` whose sides are no multiples of ``scale``.
        """

    def untouched(self, low: Picture) -> Picture:
        """Of high's size."""
        return low

    def loss(self, y: Tensor, truth: Tensor, weights: PictureLoss) -> tuple[Tensor, dict[str, Tensor]]:
        """What training brings down, and its terms for the curve; (N, 3, H, W) float32 in [0, 1]."""
        from compress.losses.picture import picture_loss

        return picture_loss(y, truth, weights)

    def schedule(self, source: Source[Any], train: Train, seed: int, guide: Guide | None, group: Ranks) -> BatchPlan:
        from compress.data.batches import BatchPlan
        from compress.data.source import PairSource

        assert isinstance(source, PairSource)
        return BatchPlan(source, train.phases, train.augment, seed, guide, rank=group.rank, ranks=group.count)

    def objective(self, weights: PictureLoss) -> Objective:
        from compress.losses.distill import Supervised

        return Supervised(weights, self.loss)

    def lesson(self, lesson: Lesson) -> tuple[Objective, Guide | None]:
        from compress.training.lesson import picture_lesson

        return picture_lesson(lesson, self.loss)

    def watch(self, source: Source[Any]) -> Watch:
        from compress.training.loop import Watched
        from compress.training.watched import mean_psnr_db

        return lambda net: Watched(psnr_db=mean_psnr_db(net, source))

    def ask(self, net: nn.Module) -> Callable[[Picture], Picture]:
        from compress.models.enhance import enhance

        return partial(enhance, net)

    def ask_build(self, build: Build, folder: Path, options: RunOptions) -> Callable[[Picture], Picture]:
        from compress.runtimes.picture import PictureRunner

        return PictureRunner(build, folder, options)

    def judge(self, variants: Sequence[Variant], full: Variant, wanted: Sequence[Wanted]) -> Judge[Picture, Picture]:
        from compress.metrics.scoring import Scorer

        return Scorer(variants, full, wanted)

    def drawn(self, low: Picture, answer: Picture) -> Picture:
        """Of high's size."""
        return answer

    def drawn_truth(self, low: Picture, truth: Picture) -> Picture:
        return truth
