"""YOLO's label files: a line for each box, class and centre, width and height as shares of the picture's sides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from compress.data.box_labels import BoxLabels, Labelled, Marks, leaves_picture, on_picture
from compress.errors import DataError

CLASSES = "classes.txt"
FOLDER = "labels"


@dataclass(frozen=True)
class YoloLabels(BoxLabels):
    """``labels/`` with a file a picture, and ``classes.txt``, below ``root``."""

    root: Path

    @cached_property
    def classes(self) -> tuple[str, ...]:
        return read_classes(self.root / CLASSES)

    @property
    def where(self) -> Path:
        return self.root / FOLDER

    def stems(self) -> frozenset[str]:
        return frozenset(path.stem for path in self.where.glob("*.txt")) - {Path(CLASSES).stem}

    def read(self, stem: str) -> Marks:
        return Marks(read_labels(self._file(stem), self.classes))

    def files(self, stems: tuple[str, ...]) -> tuple[Path, ...]:
        return (self.root / CLASSES, *map(self._file, stems))

    def _file(self, stem: str) -> Path:
        return self.where / f"{stem}.txt"


def read_classes(path: Path) -> tuple[str, ...]:
    """The class names, a line each, in the order of their numbers.

    Raises:
        DataError: no such file, none in it, or one twice.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read ({error}); it holds a class name a line, class 0 first") from None
    names = tuple(line.strip() for line in lines if line.strip())
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        raise DataError(f"{path}: " + (f"names {', '.join(twice)} twice" if twice else "names no class"))
    return names


def read_labels(path: Path, classes: tuple[str, ...]) -> tuple[Labelled, ...]:
    """The boxes in a label file; an empty file has none.

    Raises:
        DataError: with file and line, for a line that is no box, an unknown class, or a box that leaves the picture.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read ({error})") from None
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            found.append(_read_line(line, classes, f"{path}:{number}"))
    return tuple(found)


def _read_line(line: str, classes: tuple[str, ...], where: str) -> Labelled:
    try:
        first, *rest = line.split()
        label, (x, y, width, height) = int(first), map(float, rest)
    except ValueError:
        wanted = "class, centre x, centre y, width, height as shares of the picture"
        raise DataError(f"{where}: '{line.strip()}' is no box; it takes five numbers: {wanted}") from None
    if not 0 <= label < len(classes):
        raise DataError(f"{where}: class {label} is unknown; {CLASSES} has 0 to {len(classes) - 1}")
    edges = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    if not all(map(math.isfinite, edges)) or width <= 0 or height <= 0:
        raise DataError(f"{where}: a box of {width:g} x {height:g} at ({x:g}, {y:g}) has no area")
    if leaves_picture(edges):
        raise DataError(f"{where}: the box at ({x:g}, {y:g}) of {width:g} x {height:g} leaves the picture")
    return on_picture(label, edges)
