"""The folder of pairs: what it reads, what it refuses, how it splits, what it keeps in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from compress.data.cache import CachedPairs
from compress.data.paired import list_pairs, validation_scenes
from compress.data.source import data_digest, data_identity, decoder_name, open_data
from compress.errors import DataError
from compress.schema import DataSpec

WritePairs = Callable[..., DataSpec]


def picture(seed: int, height: int = 32, width: int = 48) -> np.ndarray:
    """A random picture (height, width, 3) uint8; ``write_pairs`` makes its files of the same ones."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def refused(act: Callable[[], object], *said: str) -> None:
    """``act`` raises a one-line DataError that says all of ``said``."""
    with pytest.raises(DataError) as caught:
        act()
    message = str(caught.value)
    assert "\n" not in message
    for part in said:
        assert part in message


def test_pairs_come_back_as_written(write_pairs: WritePairs) -> None:
    spec = write_pairs(val_fraction=0.0)
    source = open_data(spec, "train")
    assert source.names == tuple(f"p{i}" for i in range(6))
    for index in range(6):
        low, high = source.pair(index)
        assert np.array_equal(low, picture(index) // 8) and np.array_equal(high, picture(500 + index))
        assert low.dtype == np.uint8 and low.flags.c_contiguous and high.flags.c_contiguous
    with pytest.raises(IndexError):
        source.pair(6)
    assert len(open_data(spec, "val")) == 0 and len(open_data(spec, "test")) == 2


@pytest.mark.parametrize("suffix", [".png", ".PNG", ".jpg", ".JPEG", ".webp", ".WebP"])
def test_formats(write_pairs: WritePairs, suffix: str) -> None:
    low, high = open_data(write_pairs(suffix=suffix), "test").pair(1)
    assert low.shape == high.shape == (32, 48, 3)


def test_formats_may_differ_within_a_pair_and_other_files_are_ignored(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    (tmp_path / "test/low/p0.png").unlink()
    Image.fromarray(picture(1000) // 8).save(tmp_path / "test/low/p0.webp", lossless=True)
    (tmp_path / "test/low/.p0.png").write_bytes(b"resource fork")
    (tmp_path / "test/high/notes.txt").write_text("by hand")
    assert np.array_equal(open_data(spec, "test").pair(0)[0], picture(1000) // 8)


def test_grey_and_palette_become_rgb(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    grey = picture(1)[:, :, 0]
    Image.fromarray(grey).save(tmp_path / "test/low/p0.png")
    Image.fromarray(picture(2)).quantize(16).save(tmp_path / "test/low/p1.png")
    source = open_data(spec, "test")
    assert np.array_equal(source.pair(0)[0], np.repeat(grey[:, :, None], 3, axis=2))
    assert source.pair(1)[0].shape == (32, 48, 3)


def test_exif_rotation_is_applied(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    upright = picture(1000) // 8
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    Image.fromarray(np.ascontiguousarray(np.rot90(upright))).save(
        tmp_path / "test/low/p0.webp", lossless=True, exif=exif
    )
    (tmp_path / "test/low/p0.png").unlink()
    assert np.array_equal(open_data(spec, "test").pair(0)[0], upright)


def test_missing_folders(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    refused(lambda: open_data(spec.model_copy(update={"root": None}), "train"), "data.root=")
    refused(lambda: data_digest(spec.model_copy(update={"root": None})), "data.root=")
    refused(lambda: open_data(spec.model_copy(update={"root": "/no/such"}), "train"), "/no/such", "data.root")
    shutil.rmtree(tmp_path / "train/high")
    refused(lambda: open_data(spec, "train"), str(tmp_path / "train/high"), "no such folder")
    refused(lambda: data_digest(spec), str(tmp_path / "train/high"))


def test_empty_folder(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    for path in (tmp_path / "test/low").iterdir():
        path.rename(path.with_suffix(".bmp"))
    refused(lambda: open_data(spec, "test"), str(tmp_path / "test/low"), "holds no PNG, JPEG or WebP picture")


def test_unmatched_names(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    (tmp_path / "train/high/p2.png").rename(tmp_path / "train/high/q2.png")
    for act in (lambda: open_data(spec, "train"), lambda: data_digest(spec)):
        refused(act, str(tmp_path / "train"), "1 in low/", "p2", "1 in high/", "q2")
    for index in (0, 1, 3, 4):
        (tmp_path / f"train/high/p{index}.png").unlink()
    refused(lambda: open_data(spec, "train"), "5 in low/", "p0, p1, p2 and 2 more")


def test_one_stem_twice(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    Image.fromarray(picture(7)).save(tmp_path / "train/low/p3.jpg")
    refused(lambda: open_data(spec, "train"), "p3.png", "p3.jpg")


def test_sizes_differ(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    Image.fromarray(picture(7, 32, 40)).save(tmp_path / "test/high/p1.png")
    refused(lambda: open_data(spec, "test"), "test/low/p1.png", "48x32", "40x32")


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (Image.fromarray(np.zeros((32, 48), np.uint16)), "more than 8 bits"),
        (Image.new("CMYK", (48, 32)), "CMYK"),
        (Image.new("RGBA", (48, 32)), "alpha"),
        (Image.new("LA", (48, 32)), "alpha"),
        (Image.new("RGB", (48, 15)), "48x15 is too small"),
    ],
)
def test_unusable_kinds(write_pairs: WritePairs, tmp_path: Path, image: Image.Image, said: str) -> None:
    spec = write_pairs()
    (tmp_path / "test/low/p1.png").unlink()
    path = tmp_path / f"test/low/p1.{'jpg' if image.mode == 'CMYK' else 'png'}"
    image.save(path)
    refused(lambda: open_data(spec, "test"), str(path), said)


def test_16_bit_rgb_is_refused(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    path = tmp_path / "test/low/p1.png"
    path.write_bytes(sixteen_bit_png(48, 32))
    with Image.open(path) as image:
        assert image.mode == "RGB"  # Pillow alone would not tell
    refused(lambda: open_data(spec, "test"), str(path), "more than 8 bits")


def sixteen_bit_png(width: int, height: int) -> bytes:
    """A black RGB PNG of 16 bits per channel; Pillow reads such files but can't write them."""
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    rows = zlib.compress(bytes(height * (1 + width * 6)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
@pytest.mark.parametrize("kept", [0.0, 0.05, 0.6])
def test_cut_off_files_are_named(write_pairs: WritePairs, tmp_path: Path, suffix: str, kept: float) -> None:
    spec = write_pairs(suffix=suffix)
    path = tmp_path / f"test/high/p1{suffix}"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    refused(lambda: open_data(spec, "test").pair(1), str(path), "empty (0 bytes)" if kept == 0 else "")
    path.write_bytes(b"<html>not found</html>")
    refused(lambda: open_data(spec, "test"), str(path), "not a PNG, JPEG or WebP")


def test_damaged_pixels_are_found_when_decoded(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    path = tmp_path / "test/low/p1.png"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    source = open_data(spec, "test")
    source.pair(0)
    refused(lambda: source.pair(1), str(path))


def test_exclude(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs(val_fraction=0.0, exclude=("p1", "p4"))
    (tmp_path / "train/low/p4.png").write_bytes(b"")  # a damaged pair can be left out
    assert open_data(spec, "train").names == ("p0", "p2", "p3", "p5")
    refused(lambda: open_data(spec.model_copy(update={"exclude": ("p9",)}), "train"), "p9", "no such pair")
    everything = tuple(f"p{i}" for i in range(6))
    refused(lambda: open_data(spec.model_copy(update={"exclude": everything}), "train"), "every pair is excluded")


def test_validation_takes_whole_scenes(write_pairs: WritePairs) -> None:
    spec = write_pairs(train=24, share=3, val_fraction=0.25)
    train, val, test = (open_data(spec, split) for split in ("train", "val", "test"))
    assert (len(train), len(val), len(test)) == (18, 6, 2)
    assert len(set(val.scenes)) == 2
    assert not set(train.scenes) & set(val.scenes) and not set(train.names) & set(val.names)
    assert not set(test.scenes) & (set(train.scenes) | set(val.scenes))


def test_the_split_follows_the_pictures_not_their_names(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs(train=12, val_fraction=0.25)
    before = set(open_data(spec, "val").scenes)
    for side in ("low", "high"):
        for index in range(12):
            (tmp_path / f"train/{side}/p{index}.png").rename(tmp_path / f"train/{side}/z{99 - index}.png")
    assert set(open_data(spec, "val").scenes) == before


def test_test_pictures_are_never_trained_on(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    same = spec.model_copy(update={"test": "train"})
    refused(lambda: data_digest(same), "data.train", "data.test")
    refused(lambda: open_data(same, "train"), "6 pair(s)")
    shutil.copy(tmp_path / "test/high/p1.png", tmp_path / "train/high/p5.png")
    refused(lambda: open_data(spec, "train"), "1 pair(s)", "p5", "data.exclude")


def test_one_scene_can_not_be_split(write_pairs: WritePairs) -> None:
    spec = write_pairs(train=3, share=3)
    refused(lambda: open_data(spec, "train"), "1 scene", "data.val_fraction=0")


def test_digest_follows_content_and_names_not_place(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs()
    first = data_digest(spec)
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    shutil.copytree(tmp_path, moved)
    there = spec.model_copy(update={"root": str(moved)})
    assert data_digest(there) == first and data_identity(there) == data_identity(spec)
    for side in ("low", "high"):
        (moved / f"test/{side}/p1.png").rename(moved / f"test/{side}/p7.png")
    renamed = data_digest(there)
    assert renamed != first
    Image.fromarray(picture(77)).save(moved / "train/low/p0.png")
    assert data_digest(there) != renamed


def test_decoder_is_named() -> None:
    import PIL

    assert decoder_name() == f"Pillow {PIL.__version__}"


def test_memory_budget_is_held_across_train_and_val(write_pairs: WritePairs, tmp_path: Path) -> None:
    spec = write_pairs(train=8, val_fraction=0.25, memory_mib=1)
    for part in ("low", "high"):
        for index in range(8):
            noise = picture(index if part == "low" else index + 50, 320, 320)
            Image.fromarray(noise).save(tmp_path / f"train/{part}/p{index}.png", compress_level=0)
    train, val = open_data(spec, "train"), open_data(spec, "val")
    assert isinstance(train, CachedPairs) and isinstance(val, CachedPairs)
    pair_bytes = 2 * 320 * 320 * 3
    for _ in range(3):
        for source in (train, val):
            for index in range(len(source)):
                source.pair(index)
        assert train.kept_bytes + val.kept_bytes <= 2**20
    assert train.kept_bytes == pair_bytes  # one of six fits into three quarters of a MiB
    assert train.made == 6 + 5 + 5  # the kept one is not decoded again
    assert val.made == 3 * len(val)  # none fits into a quarter


@given(
    budget=st.integers(0, 40_000),
    sizes=st.lists(st.integers(16, 64), min_size=1, max_size=8),
    calls=st.lists(st.integers(0, 100), max_size=40),
)
@settings(deadline=None)
def test_cache_never_exceeds_its_budget(budget: int, sizes: list[int], calls: list[int]) -> None:
    def make(index: int) -> tuple[np.ndarray, np.ndarray]:
        shape = (sizes[index], 16, 3)
        return np.full(shape, index, np.uint8), np.full(shape, index + 100, np.uint8)

    names = tuple(str(index) for index in range(len(sizes)))
    source = CachedPairs(names, names, make, budget)
    for call in calls:
        index = call % len(sizes)
        low, high = source.pair(index)
        assert low[0, 0, 0] == index and high[0, 0, 0] == index + 100
        assert source.kept_bytes <= budget
    distinct = {call % len(sizes) for call in calls}
    if budget >= sum(2 * 48 * side for side in sizes):
        assert source.made == len(distinct)


def test_cache_from_many_threads(write_pairs: WritePairs) -> None:
    spec = write_pairs(train=16, val_fraction=0.0)
    source = open_data(spec, "train")
    assert isinstance(source, CachedPairs)
    with ThreadPoolExecutor(8) as pool:
        for index, (low, _) in enumerate(pool.map(source.pair, list(range(16)) * 8)):
            assert np.array_equal(low, picture(int(source.names[index % 16][1:])) // 8)
    assert source.kept_bytes == 16 * 2 * 32 * 48 * 3


stems = st.sets(st.text("abc01_-.", min_size=1, max_size=4).filter(lambda s: not s.startswith(".")), max_size=6)
suffixes = st.sampled_from([".png", ".JPG", ".jpeg", ".webp"])


@given(low=stems, high=stems, data=st.data())
@settings(deadline=None, max_examples=80)
def test_names_match_exactly_when_both_sides_hold_the_same(
    tmp_path_factory: pytest.TempPathFactory, low: set[str], high: set[str], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("names")
    for side, names in (("low", low), ("high", high)):
        (folder / side).mkdir()
        for name in names:
            (folder / side / f"{name}{data.draw(suffixes)}").touch()
    if low == high and low:
        pairs = list_pairs(folder)
        assert [pair.name for pair in pairs] == sorted(low)
        assert all(pair.low.stem == pair.high.stem == pair.name for pair in pairs)
        return
    with pytest.raises(DataError) as caught:
        list_pairs(folder)
    message = str(caught.value)
    assert str(folder) in message and "\n" not in message
    if low and high:
        assert any(name in message for name in low ^ high)


@given(
    scenes=st.sets(st.text("0123456789abcdef", min_size=4, max_size=8), min_size=2), fraction=st.floats(0.001, 0.499)
)
def test_validation_scenes_are_a_proper_share(scenes: set[str], fraction: float) -> None:
    chosen = validation_scenes(frozenset(scenes), fraction, where="here")
    assert chosen <= scenes and 1 <= len(chosen) < len(scenes)
    assert abs(len(chosen) - fraction * len(scenes)) <= 1


def test_lol(shared_data: Path) -> None:
    """399 pairs less the excluded ones, split by scene; a file that is empty in this copy is named."""
    from compress.config.load import load_data

    root = shared_data / "lol_v1"
    shipped = load_data(Path(__file__).parents[2] / "calibration" / "lol.yaml")
    assert "648" in shipped.exclude
    spec: DataSpec = shipped.model_copy(update={"root": str(root)})
    empty = sorted(path for path in (root / "train").glob("*/*.webp") if path.stat().st_size == 0)
    broken = tuple({path.stem for path in empty} - set(spec.exclude))
    if broken:
        refused(lambda: (open_data(spec, "train"), open_data(spec, "val")), broken[0], "empty (0 bytes)")
        spec = spec.model_copy(update={"exclude": (*spec.exclude, *broken)})
    train, val, test = (open_data(spec, split) for split in ("train", "val", "test"))
    assert len(train) + len(val) == 399 - len(spec.exclude) and len(test) == 15
    assert not set(train.scenes) & set(val.scenes)
    assert len(set(train.scenes + val.scenes)) < len(train) + len(val)  # some scenes were shot more than once
    for source in (train, val, test):
        low, high = source.pair(len(source) - 1)
        assert low.shape == high.shape == (400, 600, 3) and low.mean() < high.mean()
