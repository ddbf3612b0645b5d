"""Cuts of one picture, at the scale below and at the one that is wanted, turned and mirrored at will."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from compress.data.batches import Batch, Schedule
from compress.data.source import PairSource
from compress.schema import Augment, Phase


@dataclass(frozen=True)
class Views:
    """One picture at two scales, all float32 in [0, 1] (``features`` float16); M draws of noise, s the scale.

    ``low`` (M, 3, h, w) is what the picture was made to, ``low_start`` (M, 3, s h, s w) its start and ``truth``
    (1, 3, s h, s w) the picture; ``given`` (1, 3, s h, s w) is the picture again and ``start`` (1, 3, s s h, s s w) its
    start. Where a teacher was asked: ``low_taught`` and ``taught`` are its answers to ``low`` and ``given``, and
    ``features`` (M, C, h, w) what it felt at ``low``.
    """

    low: Tensor
    low_start: Tensor
    truth: Tensor
    given: Tensor
    start: Tensor
    low_taught: Tensor | None = None
    taught: Tensor | None = None
    features: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class OwnBatch(Batch):
    """As ``Batch``, with the start of ``dark``, and a cut at the scale that is wanted.

    ``given`` (n, 3, h, w), its ``given_start`` and what the teacher says of it, ``given_taught``, s times as large.
    """

    start: Tensor
    given: Tensor
    given_start: Tensor
    given_taught: Tensor | None

    def map(self, place: Callable[[Tensor], Tensor]) -> OwnBatch:
        moved = super().map(place)
        assert isinstance(moved, OwnBatch)
        return replace(
            moved, start=place(self.start), given=place(self.given), given_start=place(self.given_start),
            given_taught=None if self.given_taught is None else place(self.given_taught),
        )  # fmt: skip


class OwnPlan(Schedule):
    """Batches of cuts of ``views``; ``source`` has a pair for each draw of noise.

    Of the scale that is wanted there are half as many cuts: they cost as much, and the truth lies in the others.
    """

    def __init__(self, source: PairSource, views: Views, phases: tuple[Phase, ...], seed: int) -> None:
        super().__init__(source, phases, Augment(flip=True), seed)
        self._views = views

    def batch(self, step: int) -> Batch:
        """The batch of ``step``: a function of it and of the seed."""
        phase, views = self.phase_at(step), self._views
        rng = np.random.default_rng((self.seed, 3, step))
        low = _cuts(
            (views.low, views.low_start, views.truth, views.low_taught, views.features),
            views.low, phase.crop or 0, phase.batch, rng,
        )  # fmt: skip
        wanted = _cuts(
            (views.given, views.start, views.taught), views.given, phase.crop or 0, max(1, phase.batch // 2), rng
        )
        dark, start, bright, taught, features = low
        given, given_start, given_taught = wanted
        assert dark is not None and start is not None and bright is not None
        assert given is not None and given_start is not None
        hints = () if features is None else (features,)
        return OwnBatch(
            dark=dark, bright=bright, taught=taught, hints=hints, downscale=1, start=start, given=given,
            given_start=given_start, given_taught=given_taught,
        )  # fmt: skip


def _cuts(
    arrays: Sequence[Tensor | None], small: Tensor, crop: int, count: int, rng: np.random.Generator
) -> list[Tensor | None]:
    """``count`` cuts of ``crop`` pixels a side of ``small`` (0: all of it), and the same places of all ``arrays``."""
    height, width = small.shape[2:]
    side = (min(height, width, crop) if crop else min(height, width)) // 2 * 2
    found: list[list[Tensor]] = [[] for _ in arrays]
    for _ in range(count):
        draw, top, left = (int(rng.integers(most + 1)) for most in (len(small) - 1, height - side, width - side))
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        for mine, array in zip(found, arrays, strict=True):
            if array is None:
                continue
            times = array.shape[2] // height
            part = array[min(draw, len(array) - 1)][:, times * top : times * (top + side)]
            part = torch.rot90(part[..., times * left : times * (left + side)], turns, (1, 2))
            mine.append(part.flip(2) if mirrored else part)
    return [torch.stack(mine).float() if mine else None for mine in found]
