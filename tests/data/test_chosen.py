"""Frames of real folders and videos: order, names, near-duplicates, splits, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tiny_videos import dark_frames, write_video

from compress.data.chosen import Choice, choose_frames
from compress.data.novelty import Novelty, thumbnail
from compress.data.pictures import read_picture
from compress.data.source import data_digest, open_data
from compress.errors import DataError
from compress.parity.frames import data_frames
from compress.schema import DataSpec


def spec(root: Path, **given: Any) -> DataSpec:
    return DataSpec(licence="mine", kind="frames", root=str(root), **given)


def fill(folder: Path, pictures: list[NDArray[np.uint8]], name: str = "f{}.png") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(folder / name.format(number))
    return folder


def choose(data: DataSpec, folder: Path) -> tuple[Choice, list[str]]:
    said: list[str] = []
    folder.mkdir(exist_ok=True)
    return choose_frames(data, folder, said.append), said


def by_split(choice: Choice) -> dict[str, list[str]]:
    return {split: [f.name for f in choice.frames if f.split == split] for split in ("train", "val", "test")}


def test_one_folder_is_one_scene_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    root = fill(tmp_path / "night", dark_frames(12))
    (root / ".hidden.png").write_bytes(b"")
    (root / "notes.txt").write_text("no picture")
    choice, said = choose(spec(root), tmp_path / "out")
    assert by_split(choice) == {"train": [f"f{n}" for n in range(8)], "val": ["f9"], "test": ["f11"]}
    assert said == [] and list((tmp_path / "out").iterdir()) == []
    assert choice.how == (
        "8 to train on, 1 for validation, 1 for the test; stretches of each scene, with gaps between, of 1 scene; "
        "0 near-duplicates and 2 frames of gaps left out"
    )


def test_many_scenes_stay_whole(tmp_path: Path) -> None:
    frames = dark_frames(36)
    for scene in range(12):
        fill(tmp_path / "set" / f"s{scene}", frames[3 * scene : 3 * scene + 3])
    choice, _ = choose(spec(tmp_path / "set", test_fraction=0.25), tmp_path / "out")
    where = {scene: {f.split for f in choice.frames if f.scene == scene} for scene in {f.scene for f in choice.frames}}
    assert len(where) == 12 and all(len(splits) == 1 for splits in where.values())
    assert [len(names) for names in by_split(choice).values()] == [24, 3, 9] and "whole scenes" in choice.how


def test_equal_frames_are_used_once_also_across_scenes(tmp_path: Path) -> None:
    frames = dark_frames(10)
    noisy = np.random.default_rng(1).integers(-3, 4, frames[0].shape)
    twin = np.clip(frames[0].astype(int) + noisy, 0, 255).astype(np.uint8)
    fill(tmp_path / "set" / "a", frames)
    fill(tmp_path / "set" / "b", [twin, frames[4], *dark_frames(1, seed=9)])
    choice, _ = choose(spec(tmp_path / "set"), tmp_path / "out")
    assert [f.name for f in choice.frames if f.scene == "b"] == ["b-f2"] and "2 near-duplicates" in choice.how
    every, _ = choose(spec(tmp_path / "set", min_change=0.0), tmp_path / "out")
    assert "0 near-duplicates" in every.how


def test_change_is_relative_to_the_brightness() -> None:
    dark = np.full((40, 50, 3), 4, np.uint8)
    darker, bright, brighter = dark - 1, dark * 40, dark * 40 + 1
    assert Novelty(0.03).is_new(dark) and thumbnail(dark).tolist() == [4.0] * 768
    novelty = Novelty(0.03)
    assert [novelty.is_new(picture) for picture in (dark, darker, bright, brighter)] == [True, True, True, False]


def test_a_video_gives_lossless_frames_in_the_given_folder_only(tmp_path: Path) -> None:
    frames = dark_frames(30)
    path = write_video(tmp_path / "clip.mkv", frames)
    choice, _ = choose(spec(path, every=2), tmp_path / "out")
    assert by_split(choice)["val"] == ["clip-000022"] and by_split(choice)["test"] == ["clip-000026", "clip-000028"]
    assert all(f.decoded and f.path.parent == tmp_path / "out" for f in choice.frames)
    for each in choice.frames:
        assert np.array_equal(read_picture(each.path), frames[int(each.name[-6:])])
    assert len(list((tmp_path / "out").iterdir())) == len(choice.frames)  # frames of gaps are gone
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mkv", "out"]
    again, _ = choose(spec(path, every=2), tmp_path / "out")
    assert again == choice


def test_pictures_and_videos_side_by_side_with_names_of_their_own(tmp_path: Path) -> None:
    fill(tmp_path / "set", dark_frames(9, 33, 47))
    fill(tmp_path / "set", dark_frames(3, 40, 40, seed=5), "f{}.jpg")  # the same stems
    write_video(tmp_path / "set" / "f.mkv", dark_frames(20, seed=7))
    choice, _ = choose(spec(tmp_path / "set", every=1), tmp_path / "out")
    names = [f.name for f in choice.frames]
    assert len(set(names)) == len(names) and {"f0-1", "f0-2", "f3", "f-000000"} <= set(names)
    assert {f.scene for f in choice.frames} == {".", "f.mkv"}


def test_the_digest_is_of_names_and_bytes_wherever_they_lie(tmp_path: Path) -> None:
    fill(tmp_path / "one", dark_frames(4))
    fill(tmp_path / "two", dark_frames(4))
    assert data_digest(spec(tmp_path / "one")) == data_digest(spec(tmp_path / "two"))
    assert spec(tmp_path / "one").identity() == spec(tmp_path / "two").identity()
    fill(tmp_path / "two", dark_frames(5)[4:], "g{}.png")
    assert data_digest(spec(tmp_path / "one")) != data_digest(spec(tmp_path / "two"))


def test_settings_of_frames_do_not_touch_other_sets() -> None:
    paired = DataSpec(licence="mine", kind="paired", root="x")
    assert not {"every", "gap", "min_change", "test_fraction"} & set(paired.identity())


@pytest.mark.parametrize("kind", ["nothing", "file", "empty"])
def test_where_there_are_no_frames(kind: str, tmp_path: Path) -> None:
    root = tmp_path / "set"
    if kind == "file":
        root.write_text("text")
    elif kind == "empty":
        fill(root, [])
    says = {"nothing": "nothing there", "file": "no video by its name", "empty": "holds no PNG, JPEG or WebP picture"}
    with pytest.raises(DataError, match=says[kind]):
        choose(spec(root), tmp_path / "out")


def test_too_few_frames_and_a_camera_that_saw_nothing_move(tmp_path: Path) -> None:
    fill(tmp_path / "few", dark_frames(3))
    with pytest.raises(DataError, match="3 of 3 frames differ enough to be used, too few for val and test; add frames"):
        choose(spec(tmp_path / "few"), tmp_path / "out")
    still = dark_frames(1) * 30
    with pytest.raises(DataError, match="1 of 3 frames differ enough .*; add frames, or lower data.every, data.min_"):
        choose(spec(write_video(tmp_path / "still.mkv", still)), tmp_path / "out")


def test_a_damaged_or_too_small_picture_is_named(tmp_path: Path) -> None:
    root = fill(tmp_path / "set", dark_frames(8))
    (root / "f3.png").write_bytes((root / "f3.png").read_bytes()[:300])
    with pytest.raises(DataError, match="f3.png: damaged or cut off"):
        choose(spec(root), tmp_path / "out")
    fill(root, dark_frames(8, 12, 40))
    with pytest.raises(DataError, match="f0.png: 40x12 is too small"):
        choose(spec(root), tmp_path / "out")


def test_pairs_are_opened_behind_the_teacher_only_and_parity_has_no_truth(tmp_path: Path) -> None:
    data = spec(write_video(tmp_path / "clip.mkv", dark_frames(20)), every=1)
    with pytest.raises(DataError, match="frames have no ground truth"):
        open_data(data, "test")
    frames = data_frames(data, "test", None)
    assert frames.names == ("clip-000018", "clip-000019")
    assert all(frame.truth is None and frame.dark.shape == (32, 48, 3) for frame in frames)
