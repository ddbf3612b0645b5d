"""Training batches as a pure function of (seed, step), so that a resumed run sees what it would have seen.

A background thread prepares the next batches with NumPy only; the time that it takes, and that training waits
for it, is measured and shown (``compress.reading``).
"""

from __future__ import annotations

import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from compress.data.source import PairSource, Source
from compress.errors import DataError
from compress.reading import WaitMeter
from compress.schema import Augment, Phase

if TYPE_CHECKING:
    from torch import Tensor

Picture = NDArray[np.uint8]
Feature = NDArray[np.float16]
Pixel = TypeVar("Pixel", np.uint8, np.float16)

GRID = 16
"""Cuts fall on multiples of this many full-size pixels, so that features at 1/8 can be cut alike."""

SIZE_MULTIPLE = 8
"""A batch's sides are multiples of this after shrinking: what the networks take."""

ASKED_AT = 8
"""A teacher that is asked anew sees pictures at one part in this of their size: enough to say how bright."""


class Guide(Protocol):
    """What a teacher said about the pictures of a source, by index."""

    def output(self, index: int) -> Picture:
        """Teacher's picture, uint8 (H, W, 3)."""

    def hints(self, index: int) -> list[Feature]:
        """Teacher's features, float16 (C, H/8, W/8) each."""


@dataclass(frozen=True)
class BoxTargets:
    """What is known of the objects in a batch: ``corners`` (N, M, 4) float32 left, top, right, bottom in pixels of it.

    ``labels`` (N, M) int64, -1 where a picture has fewer than M boxes; ``labelled`` (N, C) bool: a place without a box
    is known to be no object of this class.
    """

    corners: Tensor
    labels: Tensor
    labelled: Tensor


@dataclass(frozen=True)
class Batch:
    """``dark``, ``bright`` and ``taught`` (N, 3, h, w) float32 in [0, 1]; ``hints`` (N, C, h', w') each.

    Where the task enlarges, ``bright`` and ``taught`` are larger than ``dark``, a whole number of times.

    ``boxes``: what the task asks for, where that is no picture; ``bright`` is then ``dark`` itself.

    ``asks``: a teacher, if there is one, is still to be asked about ``dark``. ``level_of``: the module of the network
    whose input says how bright ``bright`` and ``taught`` are to be taken. ``without``: modules of it to leave out.
    ``done``: share of its schedule's steps before it.
    """

    dark: Tensor
    bright: Tensor
    taught: Tensor | None
    hints: tuple[Tensor, ...]
    downscale: int
    asks: bool = False
    level_of: str | None = None
    without: tuple[str, ...] = ()
    done: float = 0.0
    boxes: BoxTargets | None = None

    def map(self, place: Callable[[Tensor], Tensor]) -> Batch:
        """The batch with every tensor of pictures or features replaced by ``place(tensor)``."""
        taught = None if self.taught is None else place(self.taught)
        hints = tuple(map(place, self.hints))
        return replace(self, dark=place(self.dark), bright=place(self.bright), taught=taught, hints=hints)


@dataclass(frozen=True)
class Cut:
    """One sample's geometry in full-size pixels, then mirrors."""

    top: int
    left: int
    height: int
    width: int
    mirror_lr: bool
    mirror_tb: bool

    def times(self, scale: int) -> Cut:
        """The same place in a picture of ``scale`` times the size."""
        top, left, height, width = (scale * each for each in (self.top, self.left, self.height, self.width))
        return replace(self, top=top, left=left, height=height, width=width)

    def apply(self, picture: NDArray[Pixel], grid: int = 1) -> NDArray[Pixel]:
        """Cut (H, W, C); ``grid`` is how many full-size pixels one of this array's pixels spans."""
        t, left, h, w = (v // grid for v in (self.top, self.left, self.height, self.width))
        part = picture[t : t + h, left : left + w]
        part = part[:, ::-1] if self.mirror_lr else part
        return part[::-1] if self.mirror_tb else part


def area_downscale(picture: Picture, factor: int) -> NDArray[np.float32]:
    """uint8 (H, W, C), H and W multiples of ``factor``, to float32 in [0, 1] at 1/factor, block means."""
    total = np.zeros((picture.shape[0] // factor, picture.shape[1] // factor, picture.shape[2]), np.uint16)
    for row in range(factor):
        for column in range(factor):
            total += picture[row::factor, column::factor]
    return total.astype(np.float32) * np.float32(1.0 / (255 * factor * factor))


def _stacked(pictures: list[Picture], cuts: list[Cut], downscale: int) -> Tensor:
    """Cut, shrunk and stacked: float32 (N, 3, h, w) in [0, 1]."""
    import torch

    parts = [area_downscale(cut.apply(picture), downscale) for picture, cut in zip(pictures, cuts, strict=True)]
    return torch.from_numpy(np.stack(parts)).permute(0, 3, 1, 2)


def _stacked_hints(hints: list[list[Feature]], cuts: list[Cut]) -> tuple[Tensor, ...]:
    """The teacher's features for the same cuts, float32 (N, C, h, w) for each hint."""
    import torch

    columns = []
    for column in zip(*hints, strict=True):
        parts = [c.apply(h.transpose(1, 2, 0), grid=8).transpose(2, 0, 1) for h, c in zip(column, cuts, strict=True)]
        columns.append(torch.from_numpy(np.stack(parts)).float())
    return tuple(columns)


def _joined(rng: np.random.Generator, dark: Tensor, bright: Tensor) -> tuple[Tensor, Tensor]:
    """Each picture of (N, 3, h, w) up to a line, and the next one of the batch behind it, both in their places.

    A scene that nobody photographed: what a teacher says of it is not learnt by heart (after CutMix, Yun et al.,
    ICCV 2019, and function matching, Beyer et al., CVPR 2022).
    """
    axis = int(rng.integers(2, 4))
    side = dark.shape[axis]
    line = int(rng.integers(side // 4, side - side // 4))
    dark, bright = (_seam(picture, axis, line) for picture in (dark, bright))
    return dark, bright


def _seam(pictures: Tensor, axis: int, line: int) -> Tensor:
    import torch

    others = pictures.roll(1, 0).narrow(axis, line, pictures.shape[axis] - line)
    return torch.cat((pictures.narrow(axis, 0, line), others), axis)


class Schedule(ABC):
    """Which pictures at which step; ``rank`` of ``ranks`` takes its slice of each batch."""

    def __init__(
        self, source: Source[Any], phases: tuple[Phase, ...], augment: Augment, seed: int, rank: int = 0,
        ranks: int = 1,
    ) -> None:  # fmt: skip
        self._count, self.phases, self.augment, self.seed = len(source), phases, augment, seed
        self.rank, self.ranks = rank, ranks
        self.steps_of = [max(1, round(p.epochs * len(source) / min(p.batch, len(source)))) for p in phases]
        self.steps = sum(self.steps_of)
        smallest = min(min(phase.batch, len(source)) for phase in phases) if phases else ranks
        if smallest < ranks:
            raise DataError(f"a batch of {smallest} for {ranks} processes leaves some without a picture; start fewer")
        # an order of a large set takes milliseconds; a batch may lie in two epochs
        self._order = lru_cache(2)(lambda epoch: np.random.default_rng((seed, 1, epoch)).permutation(len(source)))

    @abstractmethod
    def batch(self, step: int) -> Batch:
        """The batch of ``step``. Raises DataError for pictures that are too small for its phase."""

    def phase_at(self, step: int) -> Phase:
        """The phase that ``step`` (from 0) belongs to."""
        for phase, steps in zip(self.phases, self.steps_of, strict=True):
            if step < steps:
                return phase
            step -= steps
        raise IndexError(step)

    def schedule_at(self, step: int) -> tuple[int, int]:
        """Steps done before ``step``, and steps in all, of its schedule: a run of phases of which none but the first is
        ``anew``."""
        starts = [0, *(b for p, b in zip(self.phases[1:], accumulate(self.steps_of), strict=False) if p.anew)]
        start = max(begin for begin in starts if begin <= step)
        return step - start, min([begin for begin in starts if begin > step], default=self.steps) - start

    def share_at(self, step: int) -> float:
        """How much of the batch of ``step`` is this rank's, times the number of ranks: 1 where all have as much."""
        size = min(self.phase_at(step).batch, self._count)
        return len(range(size)[self.rank :: self.ranks]) * self.ranks / size

    def begins_phase(self, step: int) -> bool:
        """Whether ``step`` is the first of its phase."""
        return step in (0, *accumulate(self.steps_of))

    def _indices(self, step: int, batch: int) -> list[int]:
        """Positions in an endless sequence of shuffled epochs."""
        count, chosen = self._count, []
        for position in range(step * batch, (step + 1) * batch):
            epoch, place = divmod(position, count)
            chosen.append(int(self._order(epoch)[place]))
        return chosen

    def _exposures(self, rng: np.random.Generator, size: int) -> NDArray[np.float32]:
        bound = -np.log1p(-self.augment.exposure)
        return np.exp(rng.uniform(-bound, bound, size)).astype(np.float32)

    def run(self, start: int, meter: WaitMeter, ahead: int = 3) -> Iterator[Batch]:
        """Batches from step ``start`` to the end, prepared ``ahead`` in a thread; its errors surface here."""
        ready: queue.Queue[Batch | BaseException] = queue.Queue(ahead)
        stopped = threading.Event()

        def offer(item: Batch | BaseException) -> None:
            while not stopped.is_set():
                try:
                    return ready.put(item, timeout=0.2)
                except queue.Full:
                    continue

        def work() -> None:
            try:
                for step in range(start, self.steps):
                    if stopped.is_set():
                        return
                    before = time.perf_counter()
                    made = self.batch(step)
                    meter.read_s += time.perf_counter() - before
                    offer(made)
            except BaseException as error:  # handed over: the training thread raises it
                offer(error)

        thread = threading.Thread(target=work, name="batches", daemon=True)
        thread.start()
        try:
            for _ in range(start, self.steps):
                before = time.perf_counter()
                item = ready.get()
                meter.waited_s += time.perf_counter() - before
                if isinstance(item, BaseException):
                    raise item
                meter.steps += 1
                yield item
        finally:
            stopped.set()
            thread.join()


class BatchPlan(Schedule):
    """Pairs of pictures, cut how, at which step."""

    def __init__(
        self, source: PairSource, phases: tuple[Phase, ...], augment: Augment, seed: int,
        guide: Guide | None = None, rank: int = 0, ranks: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(source, phases, augment, seed, rank, ranks)
        self.source, self.guide = source, guide

    def batch(self, step: int) -> Batch:
        """The batch of ``step``. Raises DataError for pictures that are too small for its phase."""
        import torch

        phase = self.phase_at(step)
        before, steps = self.schedule_at(step)
        done = before / steps
        size = min(phase.batch, len(self.source))
        rng = np.random.default_rng((self.seed, 2, step))
        indices = self._indices(step, size)
        pairs = [self.source.pair(i) for i in indices]
        height, width = (min(pair[0].shape[axis] for pair in pairs) for axis in (0, 1))
        keep = 1.0 if self.augment.zoom == 1 else float(rng.choice(np.linspace(self.augment.zoom, 1.0, 4)))
        grid = max(GRID, SIZE_MULTIPLE * (ASKED_AT if phase.ask else phase.downscale))
        if min(height, width) < grid:
            why = "a teacher is asked about" if phase.ask else f"downscale={phase.downscale} takes"
            raise DataError(f"pictures of {height}x{width} are too small: {why} {grid}x{grid} and larger")
        if phase.crop:
            height, width = min(height, phase.crop), min(width, phase.crop)
        height, width = (max(grid, int(side * keep) // grid * grid) for side in (height, width))
        cuts = [self._cut(rng, pair[0], height, width) for pair in pairs]
        factors = self._exposures(rng, size)
        joins = phase.ask and self.augment.joined > 0 and float(rng.random()) < self.augment.joined
        mine = range(size)[self.rank :: self.ranks]
        taken = range(size) if joins else mine
        kept = [cuts[k] for k in taken]
        dark = _stacked([pairs[k][0] for k in taken], kept, phase.downscale)
        dark = (dark * torch.from_numpy(factors[list(taken)]).view(-1, 1, 1, 1)).clamp(max=1.0)
        scale = pairs[0][1].shape[0] // pairs[0][0].shape[0]
        larger = [cut.times(scale) for cut in kept]
        bright = _stacked([pairs[k][1] for k in taken], larger, phase.downscale)
        if joins:
            dark, bright = (picture[list(mine)] for picture in _joined(rng, dark, bright))
        if self.guide is None or phase.ask:
            return Batch(dark, bright, None, (), phase.downscale, phase.ask, phase.level_of, phase.without, done)
        taught = _stacked([self.guide.output(indices[k]) for k in mine], larger, phase.downscale)
        hints = _stacked_hints([self.guide.hints(indices[k]) for k in mine], kept)
        return Batch(dark, bright, taught, hints, phase.downscale, False, phase.level_of, phase.without, done)

    def _cut(self, rng: np.random.Generator, picture: Picture, height: int, width: int) -> Cut:
        top = int(rng.integers(0, (picture.shape[0] - height) // GRID + 1)) * GRID
        left = int(rng.integers(0, (picture.shape[1] - width) // GRID + 1)) * GRID
        mirrors = rng.random(2) < 0.5 if self.augment.flip else (False, False)
        return Cut(top, left, height, width, bool(mirrors[0]), bool(mirrors[1]))


@dataclass(frozen=True)
class StoredGuide:
    """A guide in a folder: ``output-00007.npy`` and ``hint0-00007.npy``, read memory-mapped."""

    folder: Path
    hint_count: int

    def output(self, index: int) -> Picture:
        return np.asarray(np.load(self.folder / f"output-{index:05d}.npy", mmap_mode="r"))

    def hints(self, index: int) -> list[Feature]:
        return [np.load(self.folder / f"hint{k}-{index:05d}.npy", mmap_mode="r") for k in range(self.hint_count)]
