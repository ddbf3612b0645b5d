"""Nothing that is tested on is trained or watched on, by its pixels, and who lies where has one digest."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from compress.config.load import load_data
from compress.data.known import content_digests, pixel_digests
from compress.data.source import open_data
from compress.data.split import split_digest
from compress.errors import DataError
from compress.schema import DataSpec

WritePairs = Callable[..., DataSpec]
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("side", ["low", "high"])
@pytest.mark.parametrize("split", ["train", "val"])
def test_a_twin_of_a_test_picture_in_another_format_is_refused(
    write_pairs: WritePairs, tmp_path: Path, side: str, split: str
) -> None:
    spec = write_pairs()
    assert len(open_data(spec, split)) > 0  # type: ignore[arg-type]
    with Image.open(tmp_path / "test" / side / "p1.png") as tested:
        tested.save(tmp_path / "train" / side / "p3.webp", lossless=True)
    (tmp_path / "train" / side / "p3.png").unlink()
    with pytest.raises(DataError, match=r"test also holds .* of 1 pair\(s\) \(p3\); leave them out by data.exclude"):
        open_data(spec, split)  # type: ignore[arg-type]
    open_data(spec.model_copy(update={"exclude": ("p3",)}), split)  # type: ignore[arg-type]


def pixels_of(*files: Path) -> list[bytes]:
    return list(pixel_digests(zip(files, map(bytes.fromhex, content_digests(files)), strict=True)))


def test_pixels_have_one_digest_whatever_the_file(tmp_path: Path) -> None:
    picture = Image.linear_gradient("L").convert("RGB")
    picture.save(tmp_path / "a.png")
    picture.save(tmp_path / "b.webp", lossless=True)
    one, other = pixels_of(tmp_path / "a.png", tmp_path / "b.webp")
    assert one == other
    picture.putpixel((3, 3), (1, 2, 3))
    picture.save(tmp_path / "b.webp", lossless=True)  # the same path again
    one, other = pixels_of(tmp_path / "a.png", tmp_path / "b.webp")
    assert one != other


def test_the_split_s_digest_changes_with_who_lies_where_and_with_nothing_else(
    write_pairs: WritePairs, tmp_path: Path
) -> None:
    spec = write_pairs(val_fraction=0.2)
    first = split_digest(spec)
    shutil.copytree(tmp_path, tmp_path / "moved", ignore=shutil.ignore_patterns("moved"))
    assert split_digest(spec.model_copy(update={"root": str(tmp_path / "moved")})) == first
    assert split_digest(spec.model_copy(update={"val_fraction": 0.4})) != first
    assert split_digest(spec.model_copy(update={"exclude": ("p2",)})) != first


def test_embedded_photographs_lie_in_one_split_each() -> None:
    spec = DataSpec(licence="with scikit-image", kind="embedded", size=(64, 96), copies=1)
    scenes = [set(open_data(spec, split).scenes) for split in ("train", "val", "test")]  # type: ignore[arg-type]
    assert sum(map(len, scenes)) == len(set.union(*scenes))
    assert split_digest(spec) == split_digest(spec) != split_digest(spec.model_copy(update={"copies": 2}))


@pytest.mark.timeout(600)  # decodes 828 pictures: a quarter of a minute beside other work
def test_of_lol_no_test_picture_is_trained_or_watched_on(shared_data: Path) -> None:
    lol = shared_data / "lol_v1"
    if not lol.is_dir():
        pytest.skip(f"no LOL at {lol}")
    spec = load_data(ROOT / "calibration" / "lol.yaml").model_copy(update={"root": str(lol)})
    train, val, test = (open_data(spec, split) for split in ("train", "val", "test"))  # type: ignore[arg-type]
    assert (len(train), len(val), len(test)) == (378, 19, 15)
    assert not set(train.scenes) & set(val.scenes)
    tested = set(pixels_of(*(lol / "eval15").rglob("*.webp")))
    assert len(tested) == 30
    for name in (*train.names, *val.names):
        assert tested.isdisjoint(pixels_of(*(lol / "train" / side / f"{name}.webp" for side in ("low", "high")))), name
    assert split_digest(spec) == "9beb18ec1264a03d7f1f97e0d03601c7b322884a324de9f7770bb0ecc13726c4"
