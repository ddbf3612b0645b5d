"""Training batches of pictures with boxes, mirrored, zoomed and lit otherwise, as a function of (seed, step)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compress.data.batches import Batch, BoxTargets, Schedule, area_downscale
from compress.data.box_cuts import Window, cut
from compress.data.boxes import BoxSource
from compress.detection.truth import BoxTruth
from compress.metrics.detection import Boxes
from compress.schema import Augment, Phase

if TYPE_CHECKING:
    from compress.data.source import Picture


class BoxPlan(Schedule):
    """Pictures of one size; phases that cut or shrink are refused when the plan is read."""

    def __init__(
        self, source: BoxSource, phases: tuple[Phase, ...], augment: Augment, seed: int, rank: int = 0, ranks: int = 1
    ) -> None:
        super().__init__(source, phases, augment, seed, rank, ranks)
        self.source = source

    def batch(self, step: int) -> Batch:
        """``dark`` (N, 3, H, W) float32 in [0, 1], and ``boxes``."""
        import torch

        size = min(self.phase_at(step).batch, len(self.source))
        rng = np.random.default_rng((self.seed, 2, step))
        mirrored = rng.random(size) < 0.5 if self.augment.flip else np.zeros(size, np.bool_)
        factors = self._exposures(rng, size)
        least = self.augment.zoom
        windows = [Window.drawn(rng, least) for _ in range(size)] if least < 1 else None
        indices, mine = self._indices(step, size), range(size)[self.rank :: self.ranks]
        taken = [self.source.pair(indices[place]) for place in mine]
        if windows is not None:
            taken = [cut(*pair, windows[place]) for place, pair in zip(mine, taken, strict=True)]
        pairs = [mirror(*pair) if mirrored[place] else pair for place, pair in zip(mine, taken, strict=True)]
        pictures = np.stack([area_downscale(picture, 1) for picture, _ in pairs])
        dark = torch.from_numpy(pictures).permute(0, 3, 1, 2)
        dark = (dark * torch.from_numpy(factors[list(mine)]).view(-1, 1, 1, 1)).clamp(max=1.0)
        targets = targets_of([truth for _, truth in pairs], len(self.source.classes))
        return Batch(dark, dark, None, (), 1, boxes=targets)


def mirror(picture: Picture, truth: BoxTruth) -> tuple[Picture, BoxTruth]:
    """A picture (H, W, 3) and its boxes, left for right."""
    boxes, width = truth.boxes, picture.shape[1]
    corners = boxes.corners[:, [2, 1, 0, 3]] * (-1, 1, -1, 1) + (width, 0, width, 0)
    return picture[:, ::-1], BoxTruth(Boxes(corners, boxes.labels, boxes.scores), truth.labelled)


def targets_of(truths: list[BoxTruth], classes: int) -> BoxTargets:
    """The truths of a batch's pictures, filled up to the most boxes that one of them has."""
    import torch

    most = max(1, *(len(truth.boxes) for truth in truths))
    corners = np.zeros((len(truths), most, 4), np.float32)
    labels = np.full((len(truths), most), -1, np.int64)
    for place, truth in enumerate(truths):
        count = len(truth.boxes)
        corners[place, :count], labels[place, :count] = truth.boxes.corners, truth.boxes.labels
    labelled = np.array([[truth.knows(label) for label in range(classes)] for truth in truths])
    return BoxTargets(torch.from_numpy(corners), torch.from_numpy(labels), torch.from_numpy(labelled))
