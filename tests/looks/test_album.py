"""The album: which pictures, which pixels, and what it says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reported import EVIL, IMAGES, truth, write_bundle

from compress.bundle.golden import read_png
from compress.looks.album import LARGEST, Album, chosen
from compress.looks.records import Shown, read_looks


@pytest.mark.parametrize("total", [0, 1, 5, 23, 24, 25, 47, 48, 500])
def test_pictures_are_spread_over_the_whole_split(total: int) -> None:
    places = sorted(chosen(total))
    assert len(places) == min(total, LARGEST) and set(places) <= set(range(total))
    gaps = {after - before for before, after in zip(places, places[1:], strict=False)}
    assert not gaps or max(gaps) - min(gaps) <= 1
    assert not places or total - places[-1] <= total // len(places) + 1


def test_crops_are_pixels_of_the_answers_and_names_of_pictures_stay_out_of_file_names(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle") / "report" / "looks"
    looks = read_looks(folder)
    assert looks is not None and [look.image for look in looks.looks] == list(IMAGES)
    for index, look in enumerate(looks.looks):
        box, file = look.box, look.file("truth")
        assert file == f"{index:04d}_truth.png"
        expected = truth(index)[box.top : box.top + box.height, box.left : box.left + box.width]
        assert np.array_equal(read_png(folder / file), expected)
        assert np.array_equal(read_png(folder / str(look.file("input"))), expected // 8)
    assert {path.name for path in folder.iterdir()} == {
        "looks.json", *(crop.file for look in looks.looks for crop in look.crops)
    }  # fmt: skip
    found = looks.of(EVIL)
    assert found is not None and found.file("int8") == "0001_int8.png" and looks.of("no such") is None


def test_two_runs_cut_at_the_same_place_whatever_they_answer(tmp_path: Path) -> None:
    one, other = (write_bundle(tmp_path / str(seed), seed=seed) / "report" / "looks" for seed in (0, 40))
    first, second = read_looks(one), read_looks(other)
    assert first is not None and second is not None
    assert [look.box for look in first.looks] == [look.box for look in second.looks]
    assert (one / "0000_truth.png").read_bytes() == (other / "0000_truth.png").read_bytes()
    assert (one / "0000_int8.png").read_bytes() != (other / "0000_int8.png").read_bytes()


def test_nothing_is_left_where_nothing_was_looked_at(tmp_path: Path) -> None:
    album = Album(tmp_path, 100, [Shown(kind="truth", variant=None, through=None, origin="measured")])
    album.add(1, "b", {"truth": truth(0)})  # not one of the chosen
    album.close()
    assert not list(tmp_path.iterdir()) and read_looks(tmp_path / "looks") is None
