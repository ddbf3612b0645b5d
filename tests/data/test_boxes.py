"""A folder with boxes: splits, sizes, what is labelled, and every fault by name."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_boxes
from PIL import Image

from compress.data.boxes import BoxSource
from compress.data.source import data_digest, data_identity, open_data, open_source
from compress.errors import DataError
from compress.schema import DataSpec

SHARED = Path(os.environ.get("COMPRESS_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared/data")) / "detection"


def _spec(root: Path, **changes: object) -> DataSpec:
    return DataSpec(licence="test", kind="boxes", root=str(root), **{"size": (96, 96), **changes})  # type: ignore[arg-type]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tiny_boxes.write_set(tmp_path / "set", 16)


def _open(spec: DataSpec, split: str = "train") -> BoxSource:
    source = open_source(spec, split)  # type: ignore[arg-type]
    assert isinstance(source, BoxSource)
    return source


def test_splits_are_those_of_the_file(root: Path) -> None:
    sources = {split: _open(_spec(root), split) for split in ("train", "val", "test")}
    assert [len(source) for source in sources.values()] == [10, 2, 4]
    assert len({name for source in sources.values() for name in source.names}) == 16
    assert sources["test"].names == ("p012", "p013", "p014", "p015") and sources["train"].classes == ("square", "disc")


def test_without_the_file_names_decide(root: Path) -> None:
    (root / "split.csv").unlink()
    spec = _spec(root, test_fraction=0.3, val_fraction=0.2)
    names = [_open(spec, split).names for split in ("train", "val", "test")]
    assert sorted(sum(names, ())) == sorted(path.stem for path in (root / "images").iterdir())
    assert all(names) and names == [_open(spec, split).names for split in ("train", "val", "test")]


@pytest.mark.parametrize("fit", ["letterbox", "stretch"])
def test_boxes_lie_on_their_objects_in_pictures_of_any_size(root: Path, fit: str) -> None:
    source = _open(_spec(root, size=(64, 128), fit=fit), "test")
    for index in range(len(source)):
        picture, truth = source.pair(index)
        assert picture.shape == (64, 128, 3) and picture.dtype == np.uint8 and truth.labelled is None
        for (left, top, right, bottom), label in zip(truth.boxes.corners, truth.boxes.labels, strict=True):
            inside = picture[round((top + bottom) / 2), round((left + right) / 2)].astype(int)
            assert inside[1 if label else 0] > 200 and inside[2] < 100
    assert np.array_equal(source.pair(0)[0], source.pair(0)[0])


def test_a_file_that_names_what_was_looked_for_knows_no_more(root: Path) -> None:
    (root / "labels/p012.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    (root / "labels/p013.txt").write_text("")
    source = _open(_spec(root, labelled="named"), "test")
    assert source.pair(0)[1].labelled == frozenset({1})
    assert source.pair(1)[1].labelled is None and not len(source.pair(1)[1].boxes)


def test_the_digest_is_of_pictures_boxes_names_and_splits(root: Path) -> None:
    spec = _spec(root)
    seen = {data_digest(spec)}
    for file, text in (("labels/p000.txt", ""), ("classes.txt", "a\nb\n"), ("split.csv", None)):
        path = root / file
        path.write_text(path.read_text().replace("valid", "val") if text is None else text)
        seen.add(data_digest(spec))
    assert len(seen) == 4
    found = data_identity(spec)
    assert found["labelled"] == "all" and found["fit"] == "letterbox" and not {"root", "train", "every"} & found.keys()


def test_settings_of_boxes_are_no_part_of_other_sets() -> None:
    assert not {"fit", "labelled"} & DataSpec(licence="test", kind="embedded").identity().keys()


def test_boxes_are_no_pairs(root: Path) -> None:
    with pytest.raises(DataError, match="the truth of this set is boxes"):
        open_data(_spec(root), "train")


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda root: (root / "labels/p000.txt").unlink(), r"labels: says nothing of 1 picture\(s\) \(p000\)"),
        (lambda root: (root / "images/p000.png").unlink(), r"images: no picture for 1 that labels names \(p000\)"),
        (lambda root: (root / "images/p000.png").write_bytes(b""), "p000.png: is empty"),
        (lambda root: (root / "labels/p001.txt").write_text("0 2 0.5 0.1 0.1\n"), "p001.txt:1: the box .* leaves"),
        (lambda root: (root / "classes.txt").unlink(), "classes.txt: can't be read"),
        (lambda root: (root / "labels").rename(root / "other"), "labels: no such folder"),
        (lambda root: Image.new("RGB", (32, 32)).save(root / "images/p000.jpg"), "has the same name"),
        (lambda root: (root / "split.csv").write_text("image,split\np000.png,tset\n"), "split.csv:2: split 'tset'"),
        (lambda root: (root / "split.csv").write_text("image,split\nq.png,test\n"), "no picture 'q.png'"),
        (lambda root: (root / "split.csv").write_text("image,split\np000.png,test\n"), r"nothing of 15 picture\(s\)"),
        (lambda root: (root / "split.csv").write_text("picture\n"), "needs the columns image and split"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(root: Path, spoil: Callable[[Path], object], problem: str) -> None:
    spec = _spec(root).model_copy(update={"exclude": ()})
    (root / "split.csv").write_text((root / "split.csv").read_text().replace("p000.png,valid", "p000.png,train"))
    spoil(root)
    with pytest.raises(DataError, match=problem):
        for split in ("train", "val", "test"):
            _open(spec, split)


def test_settings_that_lack_something_are_said(root: Path, tmp_path: Path) -> None:
    for spec, problem in (
        (_spec(root, size=None), "data.size is not set"), (_spec(tmp_path / "no"), "no such folder"),
        (_spec(root, exclude=("q",)), "exclude names q"),
        (DataSpec(licence="test", kind="boxes", size=(96, 96)), "data.root is not set"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=problem):
            _open(spec)


@pytest.mark.skipif(not (SHARED / "vehicles").is_dir(), reason="the vehicles set is not there")
def test_vehicles_can_be_read_whole() -> None:
    spec = _spec(SHARED / "vehicles", size=(416, 416), labelled="named")
    sizes = {split: len(_open(spec, split)) for split in ("train", "val", "test")}
    assert sizes == {"train": 439, "val": 125, "test": 63}
    picture, truth = _open(spec, "test").pair(0)
    assert picture.shape == (416, 416, 3) and truth.labelled is not None and len(truth.boxes)


@pytest.mark.skipif(not (SHARED / "exdark_night").is_dir(), reason="the ExDark pictures are not there")
def test_night_photographs_of_many_sizes_can_be_read() -> None:
    sources = [_open(_spec(SHARED / "exdark_night", size=(320, 320)), split) for split in ("train", "val", "test")]
    assert sum(map(len, sources)) == 8
    for source in sources:
        for index in range(len(source)):
            picture, truth = source.pair(index)
            assert picture.shape == (320, 320, 3) and truth.boxes.corners.max() <= 320
