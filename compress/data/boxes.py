"""A folder of pictures with boxes: ``images/``, what is written of them, and perhaps ``split.csv``.

Boxes are written as YOLO has it (``labels/`` and ``classes.txt``) or as COCO does (``annotations.json``).
"""

from __future__ import annotations

import csv
import hashlib
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.box_labels import BoxLabels, Marks
from compress.data.coco import ANNOTATIONS, CocoLabels
from compress.data.pictures import SUFFIXES, picture_size, read_picture
from compress.data.source import Source
from compress.data.yolo import CLASSES, FOLDER, YoloLabels
from compress.detection.placing import placed, placing
from compress.detection.truth import BoxTruth
from compress.errors import DataError
from compress.metrics.detection import Boxes

if TYPE_CHECKING:
    from compress.data.source import Picture, Split
    from compress.schema import DataSpec

SPLIT_FILE = "split.csv"
_SPLITS: dict[str, Split] = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
_SHOWN = 3


def open_labels(root: Path) -> BoxLabels:
    """What is written of the pictures below ``root``, in the format that lies there. Raises DataError for both."""
    if not (root / ANNOTATIONS).is_file():
        return YoloLabels(root)
    if (root / FOLDER).is_dir():
        raise DataError(f"{root}: has {FOLDER}/ and {ANNOTATIONS}, and they may say different things; keep one of them")
    return CocoLabels(root / ANNOTATIONS)


@dataclass(frozen=True)
class BoxFolder:
    """A folder with boxes, as its settings say. Nothing is read before it is asked for. All raise DataError."""

    root: Path
    spec: DataSpec

    @cached_property
    def labels(self) -> BoxLabels:
        """What is written of the pictures."""
        return open_labels(self.root)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, by number."""
        return self.labels.classes

    @cached_property
    def pictures(self) -> dict[str, Path]:
        """Every picture by its stem, sorted; of each something is written, and nothing of any other."""
        images, where = self.root / "images", self.labels.where
        for folder in (images, where):
            if not folder.exists():
                ways = f"images/, and {FOLDER}/ with {CLASSES} or {ANNOTATIONS}"
                raise DataError(f"{folder}: no such folder; a set with boxes needs {ways}")
        found: dict[str, Path] = {}
        for path in sorted(images.iterdir()):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                if path.stem in found:
                    raise DataError(f"{path}: {found[path.stem].name} has the same name; keep one of them")
                found[path.stem] = path
        if not found:
            raise DataError(f"{images}: holds no PNG, JPEG or WebP picture")
        written = self.labels.stems()
        bare, lost = sorted(found.keys() - written), sorted(written - found.keys())
        if bare:
            way = "add what is in it, nothing where there is nothing to be found"
            raise DataError(f"{where}: says nothing of {len(bare)} picture(s) ({_some(bare)}); {way}")
        if lost:
            raise DataError(f"{images}: no picture for {len(lost)} that {where.name} names ({_some(lost)})")
        unknown = [name for name in self.spec.exclude if name not in found]
        if unknown:
            raise DataError(f"{self.root}: exclude names {_some(unknown)}, but there is no such picture")
        return {stem: path for stem, path in found.items() if stem not in self.spec.exclude}

    def split_of(self) -> dict[str, Split]:
        """The split of each picture: as ``split.csv`` has it, else by a salted hash of its name."""
        path = self.root / SPLIT_FILE
        return self._read_split(path) if path.is_file() else {stem: self._drawn(stem) for stem in self.pictures}

    def _drawn(self, stem: str) -> Split:
        place = int.from_bytes(hashlib.sha256(f"boxes:{stem}".encode()).digest()[:8], "big") / 2**64
        held = self.spec.test_fraction
        return "test" if place < held else "val" if place < held + self.spec.val_fraction else "train"

    def _read_split(self, path: Path) -> dict[str, Split]:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        if not rows or not {"image", "split"} <= rows[0].keys():
            raise DataError(f"{path}: needs the columns image and split, and a row for each picture")
        found: dict[str, Split] = {}
        for number, row in enumerate(rows, 2):
            stem, word = Path(row["image"]).stem, row["split"]
            if word not in _SPLITS:
                raise DataError(f"{path}:{number}: split '{word}' is none of {', '.join(_SPLITS)}")
            if stem not in self.pictures and stem not in self.spec.exclude:
                raise DataError(f"{path}:{number}: there is no picture '{row['image']}' in images/")
            found[stem] = _SPLITS[word]
        absent = sorted(self.pictures.keys() - found.keys())
        if absent:
            raise DataError(f"{path}: says nothing of {len(absent)} picture(s) ({_some(absent)})")
        return {stem: found[stem] for stem in self.pictures}

    def files(self) -> dict[str, Path]:
        """Everything that decides the set, by its name relative to the root."""
        paths = [*self.pictures.values(), *self.labels.files(tuple(self.pictures))]
        paths += [path for path in (self.root / SPLIT_FILE,) if path.is_file()]
        return {path.relative_to(self.root).as_posix(): path for path in paths}


class BoxSource(Source[BoxTruth]):
    """Pictures of ``data.size`` with their boxes, of one split; every label file is read when it is opened.

    ``room``: how many of them are kept in memory.
    """

    def __init__(self, folder: BoxFolder, split: Split) -> None:
        self.classes = folder.classes
        self._folder, self._spec = folder, folder.spec
        self._size = size_of(folder.spec)
        splits = folder.split_of()
        self.names = tuple(stem for stem in folder.pictures if splits[stem] == split)
        self.scenes = self.names
        self._marks = {stem: folder.labels.read(stem) for stem in self.names}
        self._sizes = {stem: picture_size(folder.pictures[stem]) for stem in self.names}
        for stem, marks in self._marks.items():
            _refuse_other_size(folder, stem, marks, self._sizes[stem])
        self._kept: dict[int, Picture] = {}
        self.room = folder.spec.memory_mib * 2**20 // (3 * self._size[0] * self._size[1])
        self._lock = threading.Lock()

    def pair(self, index: int) -> tuple[Picture, BoxTruth]:
        """The picture, (H, W, 3) uint8 RGB, and its boxes in pixels of it. Shared: copy before writing.

        Raises:
            DataError: the picture can't be decoded.
        """
        import numpy as np

        name = self.names[index]
        size, marks = self._sizes[name], self._marks[name]
        labels = marks.boxes
        where = placing(size, self._size, self._spec.fit)
        with self._lock:
            picture = self._kept.get(index)
        if picture is None:
            picture = placed(read_picture(self._folder.pictures[name]), self._size, where)
            with self._lock:
                if len(self._kept) < self.room:
                    self._kept[index] = picture
        edges = [(each.left * size[1], each.top * size[0], each.right * size[1], each.bottom * size[0])
                 for each in labels]  # fmt: skip
        corners = where.moved(np.asarray(edges, np.float64).reshape(-1, 4))
        boxes = Boxes(corners, np.asarray([each.label for each in labels], np.int64), np.ones(len(labels)))
        return picture, BoxTruth(boxes, self._labelled(marks))

    def _labelled(self, marks: Marks) -> frozenset[int] | None:
        """Where a picture's file names all that was looked for, an empty one was looked through for every class.

        Of a class that has a group, there are objects without a box of their own.
        """
        every = self._spec.labelled == "all" or not marks.boxes
        if every and not marks.groups:
            return None
        known = range(len(self.classes)) if every else (each.label for each in marks.boxes)
        return frozenset(known) - marks.groups


def _refuse_other_size(folder: BoxFolder, stem: str, marks: Marks, size: tuple[int, int]) -> None:
    if marks.size is not None and marks.size != size:
        (height, width), path = size, folder.pictures[stem]
        said = f"{marks.size[1]}x{marks.size[0]} in {folder.labels.where.name}"
        raise DataError(f"{path}: is {width}x{height}, but {said}; its boxes would lie elsewhere")


def size_of(spec: DataSpec) -> tuple[int, int]:
    """``data.size``, which boxes need. Raises DataError where it is not given."""
    if spec.size is None:
        raise DataError("data.size is not set: say which height and width the pictures get, data.size=[HEIGHT,WIDTH]")
    return spec.size


def open_folder(spec: DataSpec) -> BoxFolder:
    """The folder of a set of kind boxes. Raises DataError where there is none."""
    if not spec.root:
        raise DataError("data.root is not set: say where images/ and what is in them lie, data.root=FOLDER")
    root = Path(spec.root).expanduser()
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; set data.root to the folder that holds images/ and what is in them")
    return BoxFolder(root, spec)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
