"""Frames out of real videos: which, in what shape, and what is said of those that are damaged or no videos."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="PyAV is not installed (compress[video])")

from tiny_videos import dark_frames, write_video  # noqa: E402

from compress.data.video import VideoFrame, decoder_name, read_video  # noqa: E402
from compress.errors import DataError  # noqa: E402


def read(path: Path, every: int = 1) -> tuple[list[VideoFrame], list[str]]:
    said: list[str] = []
    return list(read_video(path, every, said.append)), said


def test_every_nth_frame_as_it_was_written(tmp_path: Path) -> None:
    frames = dark_frames(10)
    found, said = read(write_video(tmp_path / "v.mkv", frames), 3)
    assert [each.number for each in found] == [0, 3, 6, 9] and said == []
    for each in found:
        assert each.picture.dtype == np.uint8 and np.array_equal(each.picture, frames[each.number])


@pytest.mark.parametrize("name", ["v.mp4", "v.avi", "v.mov", "v.ts"])
def test_containers_and_a_lossy_codec(name: str, tmp_path: Path) -> None:
    codec = "mpeg2video" if name.endswith("ts") else "mpeg4"
    found, said = read(write_video(tmp_path / name, dark_frames(6), codec, "yuv420p"))
    assert len(found) == 6 and said == [] and found[0].picture.shape == (32, 48, 3)
    assert decoder_name().startswith("PyAV 1")


def test_a_video_that_was_held_upright_is_turned(tmp_path: Path) -> None:
    frames = dark_frames(2)
    plain, _ = read(write_video(tmp_path / "v.mp4", frames, "mpeg4", "yuv420p"))
    turned, _ = read(write_video(tmp_path / "r.mp4", frames, "mpeg4", "yuv420p", rotation=90))
    assert turned[0].picture.shape == (48, 32, 3)
    assert np.array_equal(turned[0].picture, np.rot90(plain[0].picture, 1))


def test_what_a_cut_off_video_holds_is_used_and_that_is_said(tmp_path: Path) -> None:
    frames = dark_frames(20)
    whole = write_video(tmp_path / "v.mkv", frames).read_bytes()
    (tmp_path / "v.mkv").write_bytes(whole[: len(whole) // 2])
    found, said = read(tmp_path / "v.mkv")
    assert 5 < len(found) < 12 and all(np.array_equal(each.picture, frames[each.number]) for each in found)
    assert len(said) == 1 and "of 0.8 s, cut off or damaged" in said[0]


def test_behind_damage_no_picture_is_made_up(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", dark_frames(24), "mpeg4", "yuv420p", gop_size=6)
    good, _ = read(path)
    spoilt = bytearray(path.read_bytes())
    spoilt[len(spoilt) // 4 : len(spoilt) // 4 + 100] = bytes(range(100))
    path.write_bytes(spoilt)
    found, said = read(path)
    assert any("of its packets are damaged" in line for line in said) and 4 < len(found) < 22
    known = {each.picture.tobytes() for each in good}
    assert all(each.picture.tobytes() in known for each in found)


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("e.mp4", b"", "empty (0 bytes)"),
        ("j.mp4", b"junk" * 99, "no video, or damaged at its start"),
        ("p.mp4", b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n/etc/passwd\n#EXT-X-ENDLIST\n", "no video"),
        ("c.mkv", b"ffconcat version 1.0\nfile v.mkv\n", "no video"),
    ],
)
def test_what_is_no_video_is_refused_by_name(name: str, data: bytes, says: str, tmp_path: Path) -> None:
    write_video(tmp_path / "v.mkv", dark_frames(2))
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=f"{name}: ") as told:
        read(tmp_path / name)
    assert says in str(told.value) and "\n" not in str(told.value)


def test_a_size_that_changes_is_refused_with_the_frame(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"{side}.ts", dark_frames(4, side, 64), "mpeg2video", "yuv420p").read_bytes()
        for side in (32, 48)
    ]
    (tmp_path / "v.ts").write_bytes(b"".join(parts))
    with pytest.raises(DataError, match="v.ts: changes from 64x32 to 64x48 at frame [34]; cut it there into two files"):
        read(tmp_path / "v.ts")


def test_other_refusals(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="high dynamic range \\(PQ\\); convert it"):
        read(write_video(tmp_path / "h.mkv", dark_frames(2), color_trc=16))
    with pytest.raises(DataError, match="8x8 is too small, at least 16x16"):
        read(write_video(tmp_path / "s.mkv", dark_frames(2, 8, 8)))
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(DataError, match="holds no pictures, only sound or data"):
        read(tmp_path / "a.mkv")


def test_without_the_library_one_line_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "v.mkv", dark_frames(2))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(DataError, match=r"v.mkv: videos need PyAV; install it with: pip install 'compress\[video\]'"):
        read(path)
    assert decoder_name() == ""
