"""Takes the looks while a stage runs test pictures: answers that are there already are cut, nothing runs again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.source import across
from compress.looks.box import SIDE, detail_box
from compress.looks.records import FILE, FOLDER, Crop, Kind, Look, Looks, Shown

if TYPE_CHECKING:
    from compress.data.source import Picture

LARGEST = 24
"""Pictures: enough for all of LOL's test split, and a report stays below some 12 MB."""


def chosen(total: int, largest: int = LARGEST) -> frozenset[int]:
    """Places of the test pictures that are looked at, ``largest`` at most: over the whole split, at distances as equal
    as can be."""
    return frozenset(across(total, largest))


class Album:
    """Writes crops below ``out``/looks as pictures come in; ``close`` writes their list.

    ``total`` test pictures will be shown to ``add``; at most ``largest`` of them, at equal distances, are cut.
    ``shown`` says what makes each kind. ``whole``: nothing is cut off.
    """

    def __init__(
        self, out: Path, total: int, shown: Iterable[Shown], largest: int = LARGEST, whole: bool = False
    ) -> None:
        self._folder = out / FOLDER
        self._total = total
        self._chosen = chosen(total, largest)
        self._whole = whole
        self._shown = tuple(shown)
        self._looks: list[Look] = []

    def add(self, index: int, image: str, pictures: Mapping[Kind, Picture]) -> None:
        """Cut test picture ``index`` if it is one of the chosen. ``pictures``: (H, W, 3) uint8, all of one size.

        Where the truth has most detail; without one, where the input has.
        """
        if index not in self._chosen:
            return
        from compress.data.pictures import write_png

        self._folder.mkdir(parents=True, exist_ok=True)
        decides = pictures["truth"] if "truth" in pictures else pictures["input"]
        box = detail_box(decides, max(decides.shape) if self._whole else SIDE)
        crops = []
        for kind in (each.kind for each in self._shown):
            file = f"{index:04d}_{kind}.png"
            part = pictures[kind][box.top : box.top + box.height, box.left : box.left + box.width]
            write_png(self._folder / file, part)
            crops.append(Crop(kind=kind, file=file))
        self._looks.append(Look(image=image, box=box, crops=tuple(crops)))

    def close(self) -> None:
        """Write ``looks.json``, where anything was cut."""
        if self._looks:
            record = Looks(test_images=self._total, shown=self._shown, looks=tuple(self._looks))
            record.write(self._folder / FILE)
