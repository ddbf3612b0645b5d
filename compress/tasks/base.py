"""What a task is. Whatever differs between tasks is asked of it; nothing else looks at a task's name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from compress.metrics.table import MetricName

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from compress.data.source import Picture
    from compress.schema import PictureLoss

Size = tuple[int, int]
"""Height and width in pixels."""


class Task(ABC):
    """One task. Pictures are (H, W, 3) uint8 RGB; ``low`` goes into the network, ``high`` is what it should give.

    - ``version``: raised when ``low_of`` makes other pictures of the same ones (``low_of`` and what it calls);
    - ``folders``: subfolders of a paired set that hold low and high, the first pair of names that is there is taken;
    - ``input_label``: what low is called in reports;
    - ``metrics``: what it is judged by, the first one above all;
    - ``scale``: sides of high over those of low;
    - ``brightness_is_free``: whether how bright the answer should be is for the network to find, so that training may
      vary how bright low is, and ask a teacher how bright high should be.
    """

    version: ClassVar[int] = 1
    folders: ClassVar[tuple[tuple[str, str], ...]]
    input_label: ClassVar[str]
    metrics: ClassVar[tuple[MetricName, ...]] = ("psnr", "ssim")
    brightness_is_free: ClassVar[bool] = False
    scale: int = 1

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
        """The answer of doing nothing, of high's size: what the network has to beat."""
        return low

    def loss(self, y: Tensor, truth: Tensor, weights: PictureLoss) -> tuple[Tensor, dict[str, Tensor]]:
        """What training brings down, and its terms for the curve; (N, 3, H, W) float32 in [0, 1]."""
        from compress.losses.picture import picture_loss

        return picture_loss(y, truth, weights)

    def drawn(self, low: Picture, answer: Picture) -> Picture:
        """The picture that shows an answer to ``low``, of high's size; reports cut their crops from it."""
        return answer
