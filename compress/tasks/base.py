"""What a task is. Whatever differs between tasks is asked of it; nothing else looks at a task's name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from compress.metrics.table import MetricName

if TYPE_CHECKING:
    from torch import nn

    from compress.data.batches import Guide, Schedule
    from compress.data.source import Picture, Source
    from compress.metrics.wanted import Wanted
    from compress.records import Build, MetricFacts, Origin, QualityRow, Through, Variant
    from compress.runtimes.base import RunOptions
    from compress.schema import PictureLoss, Train
    from compress.training.lesson import Lesson
    from compress.training.loop import Objective, Ranks, Watch

Answer = TypeVar("Answer")
"""What a network says of a picture: a picture, or boxes."""

Truth = TypeVar("Truth")
"""What it is held against, as a set's source gives it."""


class Judge(ABC, Generic[Answer, Truth]):
    """Scores of what several networks make of the same pictures, each picture once.

    ``definition``: in words, what the first figures mean; ``by_picture``: whether a picture has figures of its own, so
    that parts of the test split can be looked at by themselves.
    """

    definition: str
    by_picture: bool

    @abstractmethod
    def add(self, answers: Sequence[Answer], truth: Truth) -> None:
        """One picture: what each of the variants made of it, and what is true."""

    @abstractmethod
    def row(self, number: int, runtime: Through, origin: Origin) -> QualityRow:
        """The scores of variant ``number``."""

    @abstractmethod
    def facts(self) -> tuple[MetricFacts, ...]:
        """What the further metrics mean, and why one has no values."""


class Task(ABC, Generic[Answer, Truth]):
    """One task. ``low``, (H, W, 3) uint8 RGB, goes into the network, which gives an answer, held against a truth.

    - ``answers``: what kind of thing an answer is;
    - ``outputs``: what tensors networks give for it (``compress.models.outputs``);
    - ``version``: raised when it makes other inputs of the same photographs;
    - ``input_label``: what doing nothing is called in reports;
    - ``metrics``: what it is judged by, the first one above all;
    - ``scale``: sides of the truth over those of low;
    - ``brightness_is_free``: whether training may vary how bright low is;
    - ``looks``: at how many moments of a training its validation pictures are measured;
    - ``boxes_on_input``: whether reports show low with what the network found in it.
    """

    answers: ClassVar[Literal["pictures", "boxes", "both"]]
    outputs: ClassVar[tuple[str, ...]]
    version: ClassVar[int] = 1
    input_label: ClassVar[str]
    metrics: ClassVar[tuple[MetricName, ...]]
    brightness_is_free: ClassVar[bool] = False
    looks: ClassVar[int] = 20
    scale: int = 1
    mark_of_boxes: ClassVar[str] = ""
    boxes_on_input: ClassVar[bool] = False

    def made_of(self, source: Source[Any]) -> Source[Any]:
        """A set with boxes as this task has it; ``mark_of_boxes`` sets it apart from that of another."""
        return source

    @abstractmethod
    def untouched(self, low: Picture) -> Answer:
        """The answer of doing nothing: what the network has to beat."""

    @abstractmethod
    def schedule(self, source: Source[Any], train: Train, seed: int, guide: Guide | None, group: Ranks) -> Schedule:
        """Training batches of ``source``; ``guide``: what a teacher said of its pictures."""

    @abstractmethod
    def objective(self, weights: PictureLoss) -> Objective:
        """What training brings down, against the truth alone."""

    @abstractmethod
    def lesson(self, lesson: Lesson) -> tuple[Objective, Guide | None]:
        """The same under a teacher, and what that said of the training pictures where it was asked beforehand."""

    @abstractmethod
    def watch(self, source: Source[Any]) -> Watch:
        """The figure that a training curve shows, of validation pictures."""

    @abstractmethod
    def ask(self, net: nn.Module) -> Callable[[Picture], Answer]:
        """``net``, in eval mode, as a function of a picture."""

    @abstractmethod
    def ask_build(self, build: Build, folder: Path, options: RunOptions) -> Callable[[Picture], Answer]:
        """A build, whose files lie in ``folder``, as the same. What it gives raises BuildError."""

    @abstractmethod
    def judge(self, variants: Sequence[Variant], full: Variant, wanted: Sequence[Wanted]) -> Judge[Answer, Truth]:
        """Measures answers of ``variants``; ``full``: the float network that became INT8."""

    @abstractmethod
    def drawn(self, low: Picture, answer: Answer) -> Picture:
        """The picture that shows an answer to ``low``; reports cut their crops from it."""

    def drawn_input(self, low: Picture, answer: Answer) -> Picture:
        """The picture that shows low itself, with what is said of it where ``boxes_on_input``."""
        return self.drawn(low, self.untouched(low))

    @abstractmethod
    def drawn_truth(self, low: Picture, truth: Truth) -> Picture:
        """The picture that shows what is true of ``low``, of the same size."""
