"""Label files: read as they are, and refused by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from compress.data.yolo import Labelled, read_classes, read_labels
from compress.errors import DataError

CLASSES = ("car", "bus")


def test_lines_are_boxes(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("1 0.5 0.25 0.5 0.5\n\n0 0.9995 0.5 0.002 1.0\n")
    assert read_labels(path, CLASSES) == (
        Labelled(1, 0.25, 0.0, 0.75, 0.5), Labelled(0, pytest.approx(0.9985), 0.0, 1.0, 1.0)
    )  # fmt: skip
    path.write_text("")
    assert read_labels(path, CLASSES) == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("0 0.5 0.5 0.5", "'0 0.5 0.5 0.5' is no box; it takes five numbers"),
        ("0 0.5 0.5 0.5 0.5 0.9", "is no box"),
        ("car 0.5 0.5 0.5 0.5", "is no box"),
        ("2 0.5 0.5 0.5 0.5", "class 2 is unknown; classes.txt has 0 to 1"),
        ("-1 0.5 0.5 0.5 0.5", "class -1 is unknown"),
        ("0 0.9 0.5 0.4 0.5", r"the box at \(0.9, 0.5\) of 0.4 x 0.5 leaves the picture"),
        ("0 0.5 0.5 0 0.5", "has no area"),
        ("0 nan 0.5 0.5 0.5", "has no area"),
    ],
)
def test_what_is_no_box_is_refused_with_its_line(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text(f"0 0.5 0.5 0.2 0.2\n{line}\n")
    with pytest.raises(DataError, match=f"a.txt:2: .*{problem}"):
        read_labels(path, CLASSES)


def test_class_names(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("car\nbus\n\n")
    assert read_classes(path) == CLASSES
    path.write_text("car\ncar\n")
    with pytest.raises(DataError, match="names car twice"):
        read_classes(path)
    path.write_text("\n")
    with pytest.raises(DataError, match="names no class"):
        read_classes(path)
    with pytest.raises(DataError, match="can't be read"):
        read_classes(tmp_path / "none.txt")
