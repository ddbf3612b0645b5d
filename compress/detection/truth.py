"""What is known of the objects in one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compress.metrics.detection import Boxes, overlap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAME_OBJECT = 0.5
"""Boxes that overlap so much are of one object."""


@dataclass(frozen=True, eq=False)
class BoxTruth:
    """``boxes`` in pixels of the picture. ``labelled``: the classes all of whose objects have boxes; None: every class.

    Of other classes nothing is known where there is no box: neither that an object is there, nor that none is.
    """

    boxes: Boxes
    labelled: frozenset[int] | None = None

    def knows(self, label: int) -> bool:
        """Whether a place without a box is known to be no object of this class."""
        return self.labelled is None or label in self.labelled


def known_only(found: Boxes, truth: BoxTruth) -> Boxes:
    """Of ``found`` what can be told right or wrong.

    A box of a class that was not labelled in the picture is left out, unless it lies on an object that has a box of
    another class: that one is wrong (after the federated labels of LVIS, Gupta et al., CVPR 2019).
    """
    import numpy as np

    if truth.labelled is None or not len(found):
        return found
    told: NDArray[np.bool_] = np.isin(found.labels, sorted(truth.labelled))
    if len(truth.boxes):
        told |= overlap(found.corners, truth.boxes.corners).max(1) >= SAME_OBJECT
    return Boxes(found.corners[told], found.labels[told], found.scores[told])
