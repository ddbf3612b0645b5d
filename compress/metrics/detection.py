"""Mean average precision of boxes as COCO counts it (Lin et al., ECCV 2014)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]
    Marks = NDArray[np.bool_]

IOU_50 = (0.5,)
IOU_50_TO_95 = tuple(0.5 + 0.05 * step for step in range(10))
MOST_BOXES = 100
"""Of one class in one picture; those with the highest scores count."""

MAP_DEFINITION = (
    "mean over classes of the precision at 101 recalls, each the best at this recall or beyond, as pycocotools has it; "
    "at most 100 boxes of a class in a picture"
)


@dataclass(frozen=True, eq=False)
class Boxes:
    """Boxes of one picture: ``corners`` (N, 4) left, top, right, bottom in pixels; ``labels`` (N,), a class each.

    ``scores`` (N,), higher is surer; of a truth they have no meaning.
    """

    corners: Floats
    labels: Whole
    scores: Floats

    def __len__(self) -> int:
        return len(self.labels)

    def of(self, label: int) -> Boxes:
        """Those of one class."""
        mine = self.labels == label
        return Boxes(self.corners[mine], self.labels[mine], self.scores[mine])


def map50(found: Sequence[Boxes], truth: Sequence[Boxes]) -> float:
    """mAP at an IoU of .5, in [0, 1]; ``found`` and ``truth`` picture by picture. Raises ValueError as below."""
    return mean_average_precision(found, truth, IOU_50)


def map50_95(found: Sequence[Boxes], truth: Sequence[Boxes]) -> float:
    """mAP over IoUs of .5 to .95, in [0, 1]. Raises ValueError as below."""
    return mean_average_precision(found, truth, IOU_50_TO_95)


def mean_average_precision(found: Sequence[Boxes], truth: Sequence[Boxes], ious: Sequence[float]) -> float:
    """The mean over ``ious`` and over the classes that the truth has.

    Raises ValueError for other numbers of pictures, or a truth without any box: there is nothing to be right about.
    """
    import numpy as np

    if len(found) != len(truth):
        raise ValueError(f"boxes of {len(found)} pictures, but the truth of {len(truth)}")
    labels = sorted({int(label) for boxes in truth for label in boxes.labels})
    if not labels:
        raise ValueError("the truth has no box, so there is no mAP")
    values = [
        _average_precision([boxes.of(label) for boxes in found], [boxes.of(label) for boxes in truth], ious)
        for label in labels
    ]
    return float(np.mean(values))


def overlap(some: Floats, others: Floats) -> Floats:
    """Intersection over union of boxes (N, 4) with (M, 4): (N, M)."""
    import numpy as np

    inside = np.ones((len(some), len(others)))
    for low, high in ((0, 2), (1, 3)):  # one axis after the other: NumPy is slow over a last axis of two
        side = np.minimum(some[:, None, high], others[None, :, high])
        side -= np.maximum(some[:, None, low], others[None, :, low])
        inside *= np.maximum(side, 0.0, out=side)
    areas = [(each[:, 2:] - each[:, :2]).prod(1) for each in (some, others)]
    union = areas[0][:, None] + areas[1][None] - inside
    shared: Floats = np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)
    return shared


def _average_precision(found: list[Boxes], truth: list[Boxes], ious: Sequence[float]) -> Floats:
    """Of one class, at each of ``ious``."""
    import numpy as np

    total = sum(map(len, truth))
    scores, hits = [], []
    for boxes, real in zip(found, truth, strict=True):
        order = np.argsort(-boxes.scores, kind="stable")[:MOST_BOXES]
        scores.append(boxes.scores[order])
        shared = overlap(boxes.corners[order], real.corners)
        hits.append(np.stack([_matched(shared, iou) for iou in ious]))
    ranked = np.argsort(-np.concatenate(scores), kind="stable")
    right = np.concatenate(hits, axis=1)[:, ranked]
    return np.array([_area(row, total) for row in right])


def _matched(shared: Floats, iou: float) -> Marks:
    """Which boxes, the surest first, get a real one to themselves: the one they share most with of those left."""
    import numpy as np

    taken = np.zeros(shared.shape[1], bool)
    hit = np.zeros(shared.shape[0], bool)
    for place, row in enumerate(shared):
        best, most = -1, min(iou, 1 - 1e-10)
        for number, share in enumerate(row):
            if not taken[number] and share >= most:
                best, most = number, share
        if best >= 0:
            taken[best] = hit[place] = True
    return hit


def _area(right: Marks, total: int) -> float:
    """Precision at 101 recalls of hits and misses in the order of their scores."""
    import numpy as np

    hits, misses = np.cumsum(right), np.cumsum(~right)
    recall = hits / total
    precision = hits / (hits + misses + np.spacing(1))
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, np.linspace(0.0, 1.0, 101), side="left")
    return float(sum(best[place] for place in places if place < len(best))) / 101.0
