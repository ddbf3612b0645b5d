"""Which frames go where: whole scenes, or stretches that never touch."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from compress.data.stretches import FEWEST_SCENES, split_frames

COUNTS = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(1, 300), min_size=1, max_size=30)
SHARE = st.floats(0.01, 0.45)


@given(COUNTS, SHARE, SHARE, st.none() | st.integers(0, 10))
def test_no_neighbours_in_two_splits(counts: dict[str, int], val: float, test: float, gap: int | None) -> None:
    found = split_frames(counts, val, test, gap)
    assert {name: len(places) for name, places in found.items()} == counts
    for name, places in found.items():
        runs = [(split, len(list(run))) for split, run in groupby(places)]
        if len(counts) >= FEWEST_SCENES or len(runs) == 1:
            assert runs == [(places[0], counts[name])]
            continue
        between = max(1, min(5, counts[name] // 20)) if gap is None else gap
        assert [split for split, _ in runs if split] == ["train", "val", "test"]
        assert all(length == between for split, length in runs if split is None)
        shares = {split: length / counts[name] for split, length in runs if split}
        assert abs(shares["test"] - test) <= 1 / counts[name] and abs(shares["val"] - val) <= 1 / counts[name]


@given(st.sets(st.text(min_size=1, max_size=8), min_size=FEWEST_SCENES, max_size=60), SHARE, SHARE)
def test_whole_scenes_by_share_whatever_their_order(names: set[str], val: float, test: float) -> None:
    found = split_frames(dict.fromkeys(sorted(names), 3), val, test, None)
    again = split_frames(dict.fromkeys(sorted(names, reverse=True), 3), val, test, None)
    assert found == again
    places = [split[0] for split in found.values()]
    assert places.count("test") == max(1, round(len(names) * test))
    assert places.count("val") == max(1, round(len(names) * val))


def test_one_scene_and_what_is_too_short() -> None:
    found = split_frames({"video": 40, "flash": 3}, 0.05, 0.1, None)
    assert found["video"] == ("train",) * 30 + (None,) * 2 + ("val",) * 2 + (None,) * 2 + ("test",) * 4
    assert found["flash"] == ("train",) * 3
    assert split_frames({"video": 6}, 0.0, 0.2, 1) == {"video": ("train",) * 4 + (None, "test")}
