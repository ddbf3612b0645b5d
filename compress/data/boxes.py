"""A folder of pictures with boxes: ``images/``, ``labels/`` (YOLO), ``classes.txt`` and perhaps ``split.csv``."""

from __future__ import annotations

import csv
import hashlib
import threading
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from compress.data.pictures import SUFFIXES, picture_size, read_picture
from compress.data.source import Source
from compress.data.yolo import CLASSES, Labelled, read_classes, read_labels
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


@dataclass(frozen=True)
class BoxFolder:
    """A folder with boxes, as its settings say. Nothing is read before it is asked for. All raise DataError."""

    root: Path
    spec: DataSpec

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Class names, by number."""
        return read_classes(self.root / CLASSES)

    @cached_property
    def pictures(self) -> dict[str, Path]:
        """Every picture by its stem, sorted; each has a label file, and each label file a picture."""
        images, labels = self.root / "images", self.root / "labels"
        for folder in (images, labels):
            if not folder.is_dir():
                raise DataError(f"{folder}: no such folder; a set with boxes needs images/, labels/ and {CLASSES}")
        found: dict[str, Path] = {}
        for path in sorted(images.iterdir()):
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                if path.stem in found:
                    raise DataError(f"{path}: {found[path.stem].name} has the same name; keep one of them")
                found[path.stem] = path
        if not found:
            raise DataError(f"{images}: holds no PNG, JPEG or WebP picture")
        written = {path.stem for path in labels.glob("*.txt")} - {Path(CLASSES).stem}
        bare, lost = sorted(found.keys() - written), sorted(written - found.keys())
        if bare:
            way = "add one, empty where nothing is to be found"
            raise DataError(f"{labels}: no label file for {len(bare)} picture(s) ({_some(bare)}); {way}")
        if lost:
            raise DataError(f"{images}: no picture for {len(lost)} label file(s) ({_some(lost)})")
        unknown = [name for name in self.spec.exclude if name not in found]
        if unknown:
            raise DataError(f"{self.root}: exclude names {_some(unknown)}, but there is no such picture")
        return {stem: path for stem, path in found.items() if stem not in self.spec.exclude}

    def labels_file(self, stem: str) -> Path:
        """Where the boxes of a picture are written."""
        return self.root / "labels" / f"{stem}.txt"

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
        paths = [self.root / CLASSES, *self.pictures.values(), *map(self.labels_file, self.pictures)]
        paths += [path for path in (self.root / SPLIT_FILE,) if path.is_file()]
        return {path.relative_to(self.root).as_posix(): path for path in paths}


class BoxSource(Source[BoxTruth]):
    """Pictures of ``data.size`` with their boxes, of one split; every label file is read when it is opened."""

    def __init__(self, folder: BoxFolder, split: Split) -> None:
        self.classes = folder.classes
        self._folder, self._spec = folder, folder.spec
        self._size = size_of(folder.spec)
        splits = folder.split_of()
        self.names = tuple(stem for stem in folder.pictures if splits[stem] == split)
        self.scenes = self.names
        self._labels = {stem: read_labels(folder.labels_file(stem), self.classes) for stem in self.names}
        self._sizes = {stem: picture_size(folder.pictures[stem]) for stem in self.names}
        self._kept: dict[int, Picture] = {}
        self._room = folder.spec.memory_mib * 2**20 // (3 * self._size[0] * self._size[1])
        self._lock = threading.Lock()

    def pair(self, index: int) -> tuple[Picture, BoxTruth]:
        """The picture, (H, W, 3) uint8 RGB, and its boxes in pixels of it. Shared: copy before writing.

        Raises:
            DataError: the picture can't be decoded.
        """
        import numpy as np

        name = self.names[index]
        size, labels = self._sizes[name], self._labels[name]
        where = placing(size, self._size, self._spec.fit)
        with self._lock:
            picture = self._kept.get(index)
        if picture is None:
            picture = placed(read_picture(self._folder.pictures[name]), self._size, where)
            with self._lock:
                if len(self._kept) < self._room:
                    self._kept[index] = picture
        edges = [(each.left * size[1], each.top * size[0], each.right * size[1], each.bottom * size[0])
                 for each in labels]  # fmt: skip
        corners = where.moved(np.asarray(edges, np.float64).reshape(-1, 4))
        boxes = Boxes(corners, np.asarray([each.label for each in labels], np.int64), np.ones(len(labels)))
        return picture, BoxTruth(boxes, self._labelled(labels))

    def _labelled(self, labels: tuple[Labelled, ...]) -> frozenset[int] | None:
        """Where a picture's file names all that was looked for, an empty one was looked through for every class."""
        if self._spec.labelled == "all" or not labels:
            return None
        return frozenset(each.label for each in labels)


def size_of(spec: DataSpec) -> tuple[int, int]:
    """``data.size``, which boxes need. Raises DataError where it is not given."""
    if spec.size is None:
        raise DataError("data.size is not set: say which height and width the pictures get, data.size=[HEIGHT,WIDTH]")
    return spec.size


def open_folder(spec: DataSpec) -> BoxFolder:
    """The folder of a set of kind boxes. Raises DataError where there is none."""
    if not spec.root:
        raise DataError("data.root is not set: say where images/ and labels/ lie, data.root=FOLDER")
    root = Path(spec.root).expanduser()
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; set data.root to the folder that holds images/ and labels/")
    return BoxFolder(root, spec)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
