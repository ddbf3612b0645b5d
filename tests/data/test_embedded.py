"""The embedded set: always there, always the same, nothing tested is trained on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from compress.data import embedded
from compress.data.embedded import PHOTOGRAPHS, embedded_files
from compress.data.source import SPLITS, Split, data_digest, open_data
from compress.errors import DataError
from compress.schema import DataSpec

SPEC = DataSpec(licence="test", kind="embedded", copies=2, size=(64, 96))


def digest(picture: np.ndarray) -> str:
    return hashlib.sha256(picture.tobytes()).hexdigest()


def test_splits_share_no_photograph() -> None:
    scenes = {split: set(open_data(SPEC, split).scenes) for split in SPLITS}
    assert scenes["train"] and scenes["val"] and len(scenes["test"]) >= 2
    assert not scenes["train"] & scenes["val"] and not scenes["test"] & (scenes["train"] | scenes["val"])
    files = embedded_files(SPEC)
    contents = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()]
    assert len(set(contents)) == len(contents) == len(PHOTOGRAPHS)


@pytest.mark.parametrize("split", SPLITS)
def test_pairs_are_repeatable_in_any_order(split: Split) -> None:
    first, second = open_data(SPEC, split), open_data(SPEC, split)
    forth = [first.pair(i) for i in range(len(first))]
    back = [second.pair(i) for i in reversed(range(len(second)))][::-1]
    for (low, high), (low_again, high_again) in zip(forth, back, strict=True):
        assert low.shape == high.shape == (64, 96, 3)
        assert low.dtype == high.dtype == np.uint8 and low.flags.c_contiguous and high.flags.c_contiguous
        assert np.array_equal(low, low_again) and np.array_equal(high, high_again)
    assert len({digest(low) for low, _ in forth}) == len(first)  # every copy is another shot


def test_counts_follow_the_settings_and_the_yardstick_stays() -> None:
    more = SPEC.model_copy(update={"copies": 5})
    assert len(open_data(SPEC, "train")) == 2 * 4 and len(open_data(more, "train")) == 5 * 4
    assert open_data(SPEC, "test").names == open_data(more, "test").names
    assert len(open_data(SPEC, "test")) >= 6
    assert np.array_equal(open_data(SPEC, "train").pair(3)[0], open_data(more, "train").pair(3)[0])


def test_the_demos_pictures_stay() -> None:
    """Those of ``PICTURES_VERSION``: figures are compared over years. One code for another processor's rounding."""
    name, (low, high) = open_data(SPEC, "test").names[0], open_data(SPEC, "test").pair(0)
    assert name == "coffee-0" and embedded.PICTURES_VERSION == "2.1"
    kept = [[[44, 19, 7], [72, 57, 49], [46, 21, 2]], [[31, 9, 5], [64, 33, 9], [37, 11, 5]]]
    assert np.abs(low[::32, ::32].astype(int) - kept).max() <= 1
    lit = [[[188, 86, 34], [244, 223, 200], [188, 95, 42]], [[170, 44, 15], [234, 154, 65], [178, 46, 17]]]
    assert np.abs(high[::32, ::32].astype(int) - lit).max() <= 1
    assert low.mean() == pytest.approx(25.838, abs=0.05)


def test_dark_pictures_are_dark_but_carry_signal() -> None:
    source = open_data(DataSpec(licence="test", kind="embedded"), "test")
    pairs = [source.pair(index) for index in range(len(source))]
    assert pairs[0][0].shape == (256, 384, 3)
    weights = np.array([0.2126, 0.7152, 0.0722])  # Rec. 709 luminance
    dark = np.array([(low @ weights).mean() for low, _ in pairs]) / 255
    assert 0.05 <= dark.mean() <= 0.15 and dark.min() > 0.02 and dark.max() < 0.25
    for low, high in pairs:
        assert len(np.unique(low)) > 32  # 5 bits of levels
        assert np.corrcoef(low.mean(2).ravel(), high.mean(2).ravel())[0, 1] > 0.8


def test_memory_budget_is_held() -> None:
    source = open_data(SPEC.model_copy(update={"memory_mib": 1, "copies": 12}), "train")
    for index in range(len(source)):
        source.pair(index)
    pair_bytes = 2 * 64 * 96 * 3
    assert source.kept_bytes == 2**20 // pair_bytes * pair_bytes  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [(512, 512), (64, 2000), (8, 64)])
def test_impossible_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=r"^data\.size=\[.*should be between 16 and"):
        open_data(SPEC.model_copy(update={"size": size}), "train")


def test_missing_photograph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = embedded.Photograph("lost", "skimage", "data/lost.png", "test", "nobody", "none")
    monkeypatch.setattr(embedded, "PHOTOGRAPHS", (*PHOTOGRAPHS, lost))
    with pytest.raises(DataError, match=r"data/lost\.png: the photograph is missing; reinstall skimage"):
        data_digest(SPEC)
    absent = embedded.Photograph("absent", "no_such_package", "a.png", "test", "nobody", "none")
    monkeypatch.setattr(embedded, "PHOTOGRAPHS", (absent,))
    with pytest.raises(DataError, match="no_such_package is not installed"):
        open_data(SPEC, "test")


def test_digest_follows_photographs_and_camera_version(monkeypatch: pytest.MonkeyPatch) -> None:
    first = data_digest(SPEC)
    assert data_digest(SPEC) == first
    monkeypatch.setattr(embedded, "PICTURES_VERSION", "2.0")
    assert data_digest(SPEC) != first


def test_every_photograph_says_where_it_comes_from() -> None:
    for photograph in PHOTOGRAPHS:
        assert photograph.source and photograph.licence
    free = {p.licence for p in PHOTOGRAPHS if p.split == "test"}
    assert free <= {"CC0", "public domain"}  # golden frames of a bundle are made from these


def test_the_shipped_file_reads() -> None:
    from compress.config.load import load_data

    spec = load_data(Path(__file__).parents[2] / "calibration" / "embedded.yaml")
    assert spec.kind == "embedded" and len(open_data(spec, "train")) == 4 * spec.copies
