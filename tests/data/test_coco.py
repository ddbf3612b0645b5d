"""COCO's annotation file: the same boxes as in YOLO's, groups, and every fault by file and item."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_boxes
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from compress.config.load import load_plans
from compress.data.box_labels import Labelled
from compress.data.coco import ANNOTATIONS, CocoLabels
from compress.data.source import data_digest, open_source
from compress.data.yolo import YoloLabels
from compress.errors import DataError
from compress.schema import DataSpec

ROOT = Path(__file__).resolve().parents[2]


def _rewritten(root: Path) -> dict[str, Any]:
    """The annotation file of a set with YOLO's, whose files are taken away; ids begin anywhere and have gaps."""
    names = (root / "classes.txt").read_text().split()
    whole: dict[str, Any] = {"info": {"year": 2026}, "images": [], "annotations": [],
                             "categories": [{"id": 3 + 4 * k, "name": name, "supercategory": "x"}
                                            for k, name in reversed(list(enumerate(names)))]}  # fmt: skip
    for number, path in enumerate(sorted((root / "images").iterdir())):
        with Image.open(path) as picture:
            width, height = picture.size
        whole["images"].append({"id": 10 * number, "file_name": f"any/{path.name}", "width": width, "height": height})
        label_file = root / "labels" / f"{path.stem}.txt"
        for line in label_file.read_text().splitlines():
            label, x, y, w, h = map(float, line.split())
            box = [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height]
            whole["annotations"].append({"id": len(whole["annotations"]), "image_id": 10 * number, "bbox": box,
                                         "category_id": 3 + 4 * int(label), "area": 1.0, "iscrowd": 0})  # fmt: skip
        label_file.unlink()
    (root / "labels").rmdir()
    (root / "classes.txt").unlink()
    return whole


def _write(root: Path, whole: dict[str, Any]) -> Path:
    path = root / ANNOTATIONS
    path.write_text(json.dumps(whole))
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tiny_boxes.write_set(tmp_path / "set", 8)


@pytest.fixture
def whole(root: Path) -> dict[str, Any]:
    return _rewritten(root)


def _spec(root: Path, **changes: object) -> DataSpec:
    return DataSpec(licence="test", kind="boxes", root=str(root), **{"size": (96, 96), **changes})  # type: ignore[arg-type]


def test_the_same_boxes_are_read_as_of_yolo(tmp_path: Path) -> None:
    root = tiny_boxes.write_set(tmp_path / "set", 8)
    before = open_source(_spec(root), "train")
    pairs = [before.pair(index) for index in range(len(before))]
    _write(root, _rewritten(root))
    after = open_source(_spec(root), "train")
    assert after.names == before.names and CocoLabels(root / ANNOTATIONS).classes == tiny_boxes.CLASSES
    for index, (picture, truth) in enumerate(pairs):
        again, same = after.pair(index)
        assert np.array_equal(picture, again) and same.labelled is None
        assert np.allclose(same.boxes.corners, truth.boxes.corners, atol=1e-9)
        assert np.array_equal(same.boxes.labels, truth.boxes.labels)


def test_one_box_moved_is_another_set(root: Path, whole: dict[str, Any]) -> None:
    _write(root, whole)
    first = data_digest(_spec(root))
    whole["annotations"][0]["bbox"][0] += 0.5
    _write(root, whole)
    assert data_digest(_spec(root)) != first


@pytest.mark.parametrize(("labelled", "known"), [("all", frozenset({1})), ("named", frozenset())])
def test_of_a_class_with_a_group_nothing_is_known_beside_its_boxes(
    root: Path, whole: dict[str, Any], labelled: str, known: frozenset[int]
) -> None:
    first = next(image for image in whole["images"] if image["file_name"].endswith("p006.png"))
    kept = [each for each in whole["annotations"] if each["image_id"] != first["id"]]
    mine = {"image_id": first["id"], "category_id": 3, "bbox": [1, 1, 30, 30]}
    kept += [{"id": 900, **mine, "iscrowd": 0}, {"id": 901, **mine, "bbox": [0, 0, 96, 96], "iscrowd": 1}]
    _write(root, {**whole, "annotations": kept})
    _, truth = open_source(_spec(root, labelled=labelled), "test").pair(0)
    assert len(truth.boxes) == 1 and truth.labelled == known
    assert not truth.knows(0) and truth.knows(1) == (labelled == "all")


def test_a_plan_gets_its_classes_from_it(root: Path, whole: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    _write(root, whole)
    (plan,) = load_plans(("recipe=detect", "target=x86_edge", f"data.root={root}", "target.export.size=[256,256]"))
    assert plan.recipe.task.classes == tiny_boxes.CLASSES


Spoil = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda w: w["annotations"][1].update(bbox=[90, 10, 20, 20]),
         r"annotation 1: the box of 20 x 20 at \(90, 10\) leaves the picture \(any/p00\d.png, 96x96\)"),
        (lambda w: w["annotations"][1].update(bbox=[-5, 10, 20, 20]), "annotation 1: .* leaves the picture"),
        (lambda w: w["annotations"][0].update(bbox=[1, 1, 0, 5]), "annotation 0: a box of 0 x 5 .* has no area"),
        (lambda w: w["annotations"][0].update(bbox=[1, 1, 5]), "annotations.0.bbox.3: Field required"),
        (lambda w: w["annotations"][0].update(bbox=[1, 1, "a", 5]), "annotations.0.bbox.2: Input should be a valid"),
        (lambda w: w["annotations"][2].update(category_id=9),
         "annotation 2: category 9 is unknown; there are: 3 square, 7 disc"),
        (lambda w: w["annotations"][0].update(image_id=7), "annotation 0: there is no image 7"),
        (lambda w: w["annotations"][1].update(id=0), "annotation 0 is there twice"),
        (lambda w: w["images"][1].update(id=0), "image 0 is there twice"),
        (lambda w: w["images"][1].update(file_name="p000.png"), "image 10: another picture is called 'p000', too"),
        (lambda w: w["images"][0].update(file_name="gone.png"), r"annotations.json: says nothing of 1 picture\(s\)"),
        (lambda w: w["images"].append({"id": 5, "file_name": "gone.jpg", "width": 9, "height": 9}),
         r"images: no picture for 1 that annotations.json names \(gone\)"),
        (lambda w: w["images"][0].update(width=95), "p000.png: is 96x96, but 95x96 in annotations.json"),
        (lambda w: w["images"][0].update(width=0), "images.0.width: Input should be greater than 0"),
        (lambda w: w.pop("categories"), "annotations.json: categories: Field required"),
        (lambda w: w["categories"].clear(), "annotations.json: names no class"),
        (lambda w: w["categories"][0].update(name="square"), "names square twice"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_file_and_item(
    root: Path, whole: dict[str, Any], spoil: Spoil, problem: str
) -> None:
    (root / "split.csv").unlink()
    spoil(whole)
    _write(root, whole)
    with pytest.raises(DataError, match=problem):
        for split in ("train", "val", "test"):
            open_source(_spec(root), split)  # type: ignore[arg-type]


def test_no_json_two_formats_and_no_file_are_said(root: Path) -> None:
    (root / ANNOTATIONS).write_text("{")
    with pytest.raises(DataError, match=r"has labels/ and annotations.json, and they may say different things"):
        open_source(_spec(root), "train")
    with pytest.raises(DataError, match=r"annotations.json: Invalid JSON"):
        _ = CocoLabels(root / ANNOTATIONS).classes
    with pytest.raises(DataError, match=r"none.json: can't be read"):
        _ = CocoLabels(root / "none.json").classes


SIDES = st.integers(8, 400)
SHARES = st.tuples(st.floats(0, 0.99), st.floats(0, 0.99), st.floats(0.01, 1), st.floats(0.01, 1))


@given(
    size=st.tuples(SIDES, SIDES), boxes=st.lists(st.tuples(st.integers(0, 2), SHARES), max_size=6),
    order=st.permutations((0, 1, 2)),
)  # fmt: skip
@settings(deadline=None, max_examples=60)
def test_any_boxes_come_back_and_both_formats_agree(
    tmp_path_factory: pytest.TempPathFactory, size: tuple[int, int], boxes: list[tuple[int, tuple[float, ...]]],
    order: list[int],
) -> None:  # fmt: skip
    """Shares of left, top and of what is left of the sides; categories stand in the file in any order."""
    root, (height, width) = tmp_path_factory.mktemp("any"), size
    annotations, lines, wanted = [], [], []
    for number, (label, (left, top, across, down)) in enumerate(boxes):
        right, bottom = left + across * (1 - left), top + down * (1 - top)
        wanted.append(Labelled(label, left, top, right, bottom))
        bbox = [left * width, top * height, (right - left) * width, (bottom - top) * height]
        annotations.append({"id": number, "image_id": 1, "category_id": 10 * label, "bbox": bbox})
        lines.append(f"{label} {(left + right) / 2!r} {(top + bottom) / 2!r} {right - left!r} {bottom - top!r}")
    path = _write(root, {
        "images": [{"id": 1, "file_name": "a.png", "width": width, "height": height}], "annotations": annotations,
        "categories": [{"id": 10 * k, "name": f"c{k}"} for k in order],
    })  # fmt: skip
    (root / "labels").mkdir()
    (root / "labels/a.txt").write_text("\n".join(lines))
    (root / "classes.txt").write_text("c0\nc1\nc2\n")
    found, also = CocoLabels(path), YoloLabels(root)
    assert found.classes == also.classes == ("c0", "c1", "c2")
    marks = found.read("a")
    assert marks.size == size and not marks.groups
    for mine, theirs, real in zip(marks.boxes, also.read("a").boxes, wanted, strict=True):
        assert mine.label == theirs.label == real.label
        for edge in ("left", "top", "right", "bottom"):
            assert 0 <= getattr(mine, edge) <= 1
            assert getattr(mine, edge) == pytest.approx(getattr(real, edge), abs=1e-9)
            assert getattr(mine, edge) == pytest.approx(getattr(theirs, edge), abs=1e-9)
