"""``looks.json``: which crops there are, of what, and what made them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from compress.records import Origin, Record, Through, Variant

Kind = Literal["input", "teacher", "float", "int8", "truth"]
FOLDER, FILE = "looks", "looks.json"


class Box(Record):
    """A rectangle of a picture, in pixels from its top left corner."""

    top: int = Field(ge=0)
    left: int = Field(ge=0)
    height: int = Field(gt=0)
    width: int = Field(gt=0)


class Shown(Record):
    """What made the crops of one kind: a variant through a runtime; None for the ground truth.

    ``boxes_of``: whose boxes are drawn on it, where it has none of its own.
    """

    kind: Kind
    variant: Variant | None
    through: Through | None
    origin: Origin
    boxes_of: Kind | None = None


class Crop(Record):
    """One crop; ``file`` lies beside ``looks.json``."""

    kind: Kind
    file: str = Field(pattern=r"^[0-9a-z_]+\.png$")


class Look(Record):
    """The crops of one test picture, all of the same box, which depends on its ground truth alone."""

    image: str
    box: Box
    crops: tuple[Crop, ...]

    def file(self, kind: Kind) -> str | None:
        """The file of one crop, None where there is none."""
        return next((crop.file for crop in self.crops if crop.kind == kind), None)


class Looks(Record):
    """``looks.json``. ``test_images``: how many pictures the looks were spread over."""

    test_images: int
    shown: tuple[Shown, ...]
    looks: tuple[Look, ...]

    def of(self, image: str) -> Look | None:
        """The look at a test picture by its name, None where none was taken."""
        return next((look for look in self.looks if look.image == image), None)


def read_looks(folder: Path) -> Looks | None:
    """The looks in ``folder``, None where there are none. Raises ``ValidationError`` for a file of another kind."""
    path = folder / FILE
    return Looks.read(path) if path.is_file() else None
