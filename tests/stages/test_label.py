"""Stage ``label``: the teacher's pictures in the place of a ground truth, and how later stages read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_nets
from numpy.typing import NDArray
from PIL import Image
from tiny_videos import dark_frames, write_video

from compress.artefacts import Labels, Teacher
from compress.data.labelled import LabelList
from compress.data.source import SPLITS, open_data
from compress.errors import DataError
from compress.models.enhance import enhance
from compress.models.weights import save_net
from compress.schema import DataSpec
from compress.stages import load_stage


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    folder = tmp_path_factory.mktemp("teacher")
    save_net(tiny_nets.student_net(3), folder / "net.safetensors")
    return Teacher(folder, "key", "d" * 64)


def label(teacher: Teacher, data: DataSpec, folder: Path, scratch: Path | None = None) -> tuple[Labels, list[str]]:
    out, told = folder / "labels", tiny_nets.Told()
    for place in (out, scratch or folder / "scratch"):
        place.mkdir(parents=True, exist_ok=True)
    load_stage("label").function(teacher, data, out, scratch or folder / "scratch", told)
    return Labels(out, "key", "digest"), told.lines


def spec(root: Path, **given: Any) -> DataSpec:
    return DataSpec(licence="mine", kind="frames", root=str(root), **given)


def pictures(folder: Path) -> list[NDArray[np.uint8]]:
    """Of odd sizes, that no network takes as they are."""
    folder.mkdir()
    frames = [frame[: 32 - number % 3, : 48 - number % 5] for number, frame in enumerate(dark_frames(12))]
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f"f{number}.png")
    return frames


def test_truth_is_what_the_teacher_makes_of_each_frame(teacher: Teacher, tmp_path: Path) -> None:
    frames = pictures(tmp_path / "set")
    labels, said = label(teacher, spec(tmp_path / "set"), tmp_path)
    listed = LabelList.read(labels.listed)
    assert (
        (listed.reference, listed.digest) == ("teacher", teacher.digest)
        and listed.how in said
        and listed.decoder.startswith("Pillow")
    )
    assert sorted(path.name for path in labels.folder.iterdir()) == ["frames.json", "truth"]
    net = tiny_nets.student_net(3)
    for split in SPLITS:
        source = open_data(spec(tmp_path / "set"), split, labels)
        assert len(source) == {"train": 8, "val": 1, "test": 1}[split]
        for index, name in enumerate(source.names):
            dark, truth = source.pair(index)
            assert np.array_equal(dark, frames[int(name[1:])])
            assert np.array_equal(truth, enhance(net, dark))
    assert source.scenes == (".",)


def test_a_video_is_decoded_once_and_not_needed_again(teacher: Teacher, tmp_path: Path) -> None:
    frames = dark_frames(24)
    data = spec(write_video(tmp_path / "clip.mkv", frames), every=2)
    labels, _ = label(teacher, data, tmp_path)
    (tmp_path / "clip.mkv").unlink()
    source = open_data(data, "test", labels)
    assert np.array_equal(source.pair(0)[0], frames[int(source.names[0][-6:])])
    assert "PyAV" in LabelList.read(labels.listed).decoder


def test_the_same_again_gives_the_same_bytes_and_a_killed_run_goes_on(teacher: Teacher, tmp_path: Path) -> None:
    data = spec(write_video(tmp_path / "clip.mkv", dark_frames(24)), every=2)
    first, _ = label(teacher, data, tmp_path / "one")
    scratch = tmp_path / "left"
    for name in ("dark", "truth"):
        (scratch / name).mkdir(parents=True)
        (scratch / name / "000000.png").write_bytes((first.folder / name / "000000.png").read_bytes())
    (scratch / "truth" / "000001.part").write_bytes(b"half a pict")
    second, _ = label(teacher, data, tmp_path / "two", scratch)
    files = [path.relative_to(first.folder) for path in sorted(first.folder.rglob("*")) if path.is_file()]
    assert [p.relative_to(second.folder) for p in sorted(second.folder.rglob("*")) if p.is_file()] == files
    assert all((first.folder / name).read_bytes() == (second.folder / name).read_bytes() for name in files)


def test_pictures_that_are_gone_or_others_by_now_are_named(teacher: Teacher, tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    labels, _ = label(teacher, spec(tmp_path / "set"), tmp_path)
    source = open_data(spec(tmp_path / "set"), "train", labels)
    Image.fromarray(dark_frames(1, 40, 40)[0]).save(tmp_path / "set" / "f1.png")
    with pytest.raises(DataError, match="f1.png: has another size than when it was labelled"):
        source.pair(1)
    (tmp_path / "set" / "f0.png").unlink()
    with pytest.raises(DataError, match="f0.png: no such file"):
        source.pair(0)


def test_memory_is_shared_by_training_and_validation(teacher: Teacher, tmp_path: Path) -> None:
    pictures(tmp_path / "set")
    data = spec(tmp_path / "set", memory_mib=9)
    labels, _ = label(teacher, data, tmp_path)
    train, val = (open_data(data, split, labels) for split in ("train", "val"))
    assert train.budget_bytes == 8 * 2**20 and val.budget_bytes == 2**20  # type: ignore[attr-defined]
