"""Boxes drawn onto a picture, for reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.metrics.detection import Boxes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]

SHOWN_SCORE = 0.3
SHOWN_BOXES = 3
"""Less sure boxes, and more of them, are not drawn: they count for mAP, and would hide the picture."""

_COLOURS = ((255, 80, 60), (60, 200, 255), (255, 210, 40), (120, 255, 90), (240, 110, 255), (255, 160, 90))


def drawn_boxes(picture: Picture, boxes: Boxes, names: tuple[str, ...], *, scores: bool) -> Picture:
    """A copy of ``picture`` (H, W, 3) uint8 with a frame, a name and with ``scores`` a share in percent at each box.

    ``names``: by class; where there are none, its number. Of a truth all boxes are drawn, else the three surest,
    of .3 and more.
    """
    import numpy as np
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    for place in _surest(boxes) if scores else range(len(boxes)):
        corners, label, score = boxes.corners[place], boxes.labels[place], boxes.scores[place]
        colour = _COLOURS[int(label) % len(_COLOURS)]
        left, top, right, bottom = (round(float(side)) for side in corners)
        pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=colour, width=2)
        text = names[int(label)] if int(label) < len(names) else str(int(label))
        text += f" {score:.0%}" if scores else ""
        where = max(0, left), max(0, top - 11)
        pen.rectangle(pen.textbbox(where, text), fill=(0, 0, 0))
        pen.text(where, text, fill=colour)
    return np.array(image, dtype=np.uint8)


def _surest(boxes: Boxes) -> list[int]:
    """Places of the boxes that are shown of an answer, the surest last: its frame lies on top."""
    order = sorted(range(len(boxes)), key=lambda place: float(boxes.scores[place]))
    return [place for place in order[-SHOWN_BOXES:] if boxes.scores[place] >= SHOWN_SCORE]
