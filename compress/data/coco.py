"""COCO's annotation file: pictures, classes and boxes in one JSON, boxes in pixels (Lin et al., ECCV 2014)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from compress.data.box_labels import BoxLabels, Labelled, Marks, leaves_picture, on_picture
from compress.errors import DataError

ANNOTATIONS = "annotations.json"


class _Part(BaseModel):
    """What is asked for; a file may hold far more."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: int


class _Image(_Part):
    file_name: str
    width: int = Field(gt=0)
    height: int = Field(gt=0)


class _Category(_Part):
    name: str = Field(min_length=1)


class _Annotation(_Part):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    iscrowd: int = 0


class _File(BaseModel):
    images: tuple[_Image, ...]
    categories: tuple[_Category, ...]
    annotations: tuple[_Annotation, ...]


_Kind = TypeVar("_Kind", bound=_Part)


@dataclass(frozen=True)
class CocoLabels(BoxLabels):
    """The annotation file ``path``. Classes are numbered by the ids of its categories, smallest first.

    Pictures are known by the last part of their ``file_name``. A box with ``iscrowd`` marks a group: it is no truth,
    and of its class nothing is known where there is no box (COCO's own evaluation leaves such places out).
    """

    path: Path

    @property
    def where(self) -> Path:
        return self.path

    @cached_property
    def classes(self) -> tuple[str, ...]:
        names = tuple(category.name for category in self._categories)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or not names:
            raise DataError(f"{self.path}: " + (f"names {', '.join(twice)} twice" if twice else "names no class"))
        return names

    def stems(self) -> frozenset[str]:
        return frozenset(self._marks)

    def read(self, stem: str) -> Marks:
        return self._marks[stem]

    def files(self, stems: tuple[str, ...]) -> tuple[Path, ...]:
        return (self.path,)

    @cached_property
    def _file(self) -> _File:
        try:
            return _File.model_validate_json(self.path.read_bytes())
        except OSError as error:
            raise DataError(f"{self.path}: can't be read ({error.strerror})") from None
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(map(str, first["loc"]))
            raise DataError(f"{self.path}: {f'{place}: ' if place else ''}{first['msg']}") from None

    @cached_property
    def _categories(self) -> tuple[_Category, ...]:
        self._by_id("category", self._file.categories)
        return tuple(sorted(self._file.categories, key=lambda category: category.id))

    @cached_property
    def _marks(self) -> dict[str, Marks]:
        """By stem. Boxes stand in the file's order."""
        images = self._by_id("image", self._file.images)
        numbers = {category.id: number for number, category in enumerate(self._categories)}
        self._by_id("annotation", self._file.annotations)
        boxes: dict[int, list[Labelled]] = {each: [] for each in images}
        groups: dict[int, set[int]] = {each: set() for each in images}
        for each in self._file.annotations:
            where = f"{self.path}: annotation {each.id}"
            if each.image_id not in images:
                raise DataError(f"{where}: there is no image {each.image_id}")
            if each.category_id not in numbers:
                known = ", ".join(f"{category.id} {category.name}" for category in self._categories)
                raise DataError(f"{where}: category {each.category_id} is unknown; there are: {known}")
            label = numbers[each.category_id]
            if each.iscrowd:
                groups[each.image_id].add(label)
            else:
                boxes[each.image_id].append(_box(label, each.bbox, images[each.image_id], where))
        found: dict[str, Marks] = {}
        for image in images.values():
            stem = PurePosixPath(image.file_name).stem
            if stem in found:
                raise DataError(f"{self.path}: image {image.id}: another picture is called '{stem}', too")
            found[stem] = Marks(tuple(boxes[image.id]), frozenset(groups[image.id]), (image.height, image.width))
        return found

    def _by_id(self, what: str, parts: Iterable[_Kind]) -> dict[int, _Kind]:
        found: dict[int, _Kind] = {}
        for part in parts:
            if part.id in found:
                raise DataError(f"{self.path}: {what} {part.id} is there twice")
            found[part.id] = part
        return found


def _box(label: int, bbox: tuple[float, float, float, float], image: _Image, where: str) -> Labelled:
    """``bbox``: left, top, width, height in pixels."""
    left, top, width, height = bbox
    if not all(map(math.isfinite, bbox)) or width <= 0 or height <= 0:
        raise DataError(f"{where}: a box of {width:g} x {height:g} at ({left:g}, {top:g}) has no area")
    edges = (
        left / image.width, top / image.height, (left + width) / image.width, (top + height) / image.height
    )  # fmt: skip
    if leaves_picture(edges):
        box, sides = f"{width:g} x {height:g} at ({left:g}, {top:g})", f"{image.width}x{image.height}"
        raise DataError(f"{where}: the box of {box} leaves the picture ({image.file_name}, {sides})")
    return on_picture(label, edges)
