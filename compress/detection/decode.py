"""From a detector's maps to boxes: outside of the graph, in float32, the same for every runtime.

A detector answers (1, L * (C + 5), h, w) for a picture of (h * s, w * s), s being the smallest of its L strides and C
the number of classes. A level of stride t fills C + 5 channels; its value for its own place (i, j) stands at row
i * t / s and column j * t / s, repeated up to the next one. Its channels are C class logits, the distances from the
place's centre ((j + .5) * t, (i + .5) * t) to left, top, right and bottom in units of t (negative ones are 0), and the
logit of how central the place is. The score of a class is the root of both sigmoids' product (FCOS, Tian et al., TPAMI
2020). Boxes of a class that overlap a surer one by more than .6 are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compress.errors import BuildError
from compress.metrics.detection import MOST_BOXES, Boxes, overlap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from compress.records import BoxMaps

    Maps = NDArray[np.float32]

MIN_SCORE = 0.05
"""Below it nothing is said: mAP gains next to nothing there, and a camera shows far less."""

MAX_OVERLAP = 0.6
CANDIDATES = 300
"""Of one class, before those that overlap are left out."""

DECODING = (
    "level k has channels k * (C + 5) and on, one value for each t / s rows and columns (t: stride of the level, s: "
    "the smallest stride): C class logits, distances d to left, top, right, bottom, centreness logit. Of place (i, j) "
    "of a level: centre x = (j + .5) * t, y = (i + .5) * t; box = x - t * max(d0, 0), y - t * max(d1, 0), "
    "x + t * max(d2, 0), y + t * max(d3, 0), in pixels; score of class c = sqrt(sigmoid(logit c) * "
    f"sigmoid(centreness)). Of a class, leave out scores below {MIN_SCORE} and boxes that overlap a surer one by an "
    f"IoU above {MAX_OVERLAP}"
)


@dataclass(frozen=True)
class Level:
    """The values of one stride: ``logits`` (C, h, w), ``distances`` (4, h, w) in pixels, ``centre`` (h, w) logits."""

    stride: int
    logits: Maps
    distances: Maps
    centre: Maps


def levels_of(maps: Maps, layout: BoxMaps) -> tuple[Level, ...]:
    """The levels in an answer (L * (C + 5), h, w) float32."""
    import numpy as np

    found, classes = [], len(layout.classes)
    for place, stride in enumerate(layout.strides):
        step = stride // layout.strides[0]
        part = maps[place * (classes + 5) : (place + 1) * (classes + 5), ::step, ::step]
        distances = np.maximum(part[classes : classes + 4], np.float32(0)) * np.float32(stride)
        found.append(Level(stride, part[:classes], distances, part[classes + 4]))
    return tuple(found)


def decode(maps: Maps, layout: BoxMaps, height: int, width: int) -> Boxes:
    """The boxes in an answer (L * (C + 5), h, w) float32 to a picture of ``height`` x ``width``, the surest first.

    At most 100 of a class. Raises BuildError for NaN or infinity, and for another number of channels.
    """
    import numpy as np

    if maps.shape[0] != layout.channels:
        raise BuildError(f"the build answers {maps.shape[0]} maps, not {layout.channels}")
    if not np.isfinite(maps).all():
        raise BuildError("the build answers NaN or infinity")
    corners, scores = (np.concatenate(each) for each in zip(*map(_of_level, levels_of(maps, layout)), strict=True))
    corners = np.clip(corners, 0, (width, height, width, height))
    kept = [_of_class(corners, scores[:, label], label) for label in range(len(layout.classes))]
    whole = [np.concatenate(each) for each in zip(*((k.corners, k.labels, k.scores) for k in kept), strict=True)]
    order = np.argsort(-whole[2], kind="stable")
    return Boxes(whole[0][order], whole[1][order], whole[2][order])


def _of_level(level: Level) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Corners (N, 4) and scores (N, C) of all places of a level."""
    import numpy as np

    height, width = level.centre.shape
    rows, columns = np.mgrid[:height, :width]
    x, y = ((side + 0.5) * level.stride for side in (columns, rows))
    left, top, right, bottom = level.distances.astype(np.float64)
    corners = np.stack((x - left, y - top, x + right, y + bottom), -1).reshape(-1, 4)
    scores = np.sqrt(_sigmoid(level.logits) * _sigmoid(level.centre))
    return corners, scores.reshape(len(level.logits), -1).T


def _sigmoid(logits: Maps) -> NDArray[np.float64]:
    import numpy as np

    found: NDArray[np.float64] = 1.0 / (1.0 + np.exp(-np.clip(logits.astype(np.float64), -60, 60)))
    return found


def _of_class(corners: NDArray[np.float64], scores: NDArray[np.float64], label: int) -> Boxes:
    import numpy as np

    sure = np.flatnonzero(scores >= MIN_SCORE)
    sure = sure[np.argsort(-scores[sure], kind="stable")][:CANDIDATES]
    kept = sure[suppress(corners[sure])][:MOST_BOXES]
    return Boxes(corners[kept], np.full(len(kept), label, np.int64), scores[kept])


def suppress(corners: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of the boxes (N, 4), surest first, that no surer kept one overlaps by more than .6."""
    import numpy as np

    shared, kept = overlap(corners, corners), []
    left = np.ones(len(corners), np.bool_)
    for place in range(len(corners)):
        if left[place]:
            kept.append(place)
            left &= shared[place] <= MAX_OVERLAP
    return np.asarray(kept, np.int64)
