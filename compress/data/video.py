"""Frames of a video file by FFmpeg (PyAV), one at a time, in the order they are shown in.

A damaged or broken off recording is used as far as it can be decoded, and that is said: what a power cut left is real.
Behind damage, frames are left out up to the next one that stands alone: until then the decoder makes pictures up. What
can't be taken for what it shows is refused: a size that changes on the way, and high dynamic range, for which 8 bit
and the networks' range say something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.data.pictures import MIN_SIDE
from compress.errors import DataError

if TYPE_CHECKING:
    from compress.data.source import Picture

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".ts", ".mts", ".mpg", ".mpeg")
_OPENING = {
    "format_whitelist": "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg",  # no playlist: those name other files
    "protocol_whitelist": "file",
}
_HIGH_RANGE = {16: "PQ", 18: "HLG"}
"""Transfer functions (ITU-T H.273) that are no display-referred 8 bit."""
_SHORT_OF_FRAMES = 2
"""A video may end this many frames before its header says, for headers round."""


@dataclass(frozen=True)
class VideoFrame:
    """``picture``: (H, W, 3) uint8 RGB, turned as the file says; ``number``: its place in the video, from 0."""

    number: int
    picture: Picture


def read_video(path: Path, every: int, say: Callable[[str], None]) -> Iterator[VideoFrame]:
    """Every ``every``-th of the frames that can be decoded.

    ``say`` is told of damage, and where the video breaks off. Raises DataError, one line: without PyAV, for a file that
    is no video, holds no frame, changes its size, is smaller than 16 pixels, or is of high dynamic range.
    """
    av = _library(path)
    with _opened(av, path) as container:
        stream = next(iter(container.streams.video), None)
        if stream is None:
            raise DataError(f"{path}: holds no pictures, only sound or data; leave it out of the folder")
        stream.thread_type = "SLICE"  # threads by frame tell of damage late, at a place that differs
        size: tuple[int, int] | None = None
        count, last = 0, None
        for frame in _decoded(av, container, stream, path, say):
            if (size := size or (frame.height, frame.width)) != (frame.height, frame.width):
                raise DataError(f"{path}: changes from {size[1]}x{size[0]} to {frame.width}x{frame.height} at frame "
                                f"{count}; cut it there into two files")  # fmt: skip
            if count == 0:
                _check(path, frame)
            if count % every == 0:
                yield VideoFrame(count, _picture(frame))
            count, last = count + 1, frame.time
        if not count:
            raise DataError(f"{path}: no frame can be decoded; leave it out, or replace the file")
        _say_if_short(path, container, stream, last, count, say)


def decoder_name() -> str:
    """What decodes videos here, for the report; empty where nothing does."""
    try:
        import av
    except ImportError:
        return ""
    return f"PyAV {av.__version__} (libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))})"


def _library(path: Path) -> Any:
    try:
        import av
        import av.logging
    except ImportError:
        raise DataError(f"{path}: videos need PyAV; install it with: pip install 'compress[video]'") from None
    av.logging.set_level(None)  # what matters is in the errors; the rest would go past the progress line
    return av


def _opened(av: Any, path: Path) -> Any:
    try:
        return av.open(str(path), options=dict(_OPENING), metadata_errors="replace")
    except PermissionError as error:
        raise DataError(f"{path}: can't be read (permission denied)") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        empty = path.is_file() and not path.stat().st_size
        reason = "empty (0 bytes)" if empty else "no video, or damaged at its start"
        raise DataError(f"{path}: {reason}; replace the file, or leave it out of the folder") from error


def _decoded(av: Any, container: Any, stream: Any, path: Path, say: Callable[[str], None]) -> Iterator[Any]:
    damaged, whole = 0, True
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                damaged, whole = damaged + 1, False
                continue
            for frame in frames:
                whole = (whole or frame.key_frame) and not frame.is_corrupt
                if whole:
                    yield frame
    except (av.FFmpegError, OSError) as error:
        say(f"{path.name}: breaks off ({_reason(error)}); the frames before that are used")
    if damaged:
        say(f"{path.name}: {damaged} of its packets are damaged; frames up to the next whole one are left out")


def _say_if_short(
    path: Path, container: Any, stream: Any, last_s: float | None, count: int, say: Callable[[str], None]
) -> None:
    """Tell where the video ends long before its header says."""
    rate = float(stream.average_rate or stream.guessed_rate or 0)
    if last_s is None or not container.duration or not rate:
        return
    start_s = (container.start_time or 0) / 1e6
    whole_s, shown_s = container.duration / 1e6, last_s - start_s + 1 / rate
    if whole_s - shown_s > _SHORT_OF_FRAMES / rate:
        say(f"{path.name}: ends at {shown_s:.1f} of {whole_s:.1f} s, cut off or damaged; its {count} frames are used")


def _check(path: Path, frame: Any) -> None:
    if min(frame.width, frame.height) < MIN_SIDE:
        raise DataError(
            f"{path}: {frame.width}x{frame.height} is too small, at least {MIN_SIDE}x{MIN_SIDE} pixels are needed"
        )
    name = _HIGH_RANGE.get(int(frame.color_trc))
    if name is not None:
        raise DataError(f"{path}: is of high dynamic range ({name}); convert it to standard range (BT.709) first")


def _picture(frame: Any) -> Picture:
    import numpy as np

    rgb = frame.to_ndarray(format="rgb24")
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, turns) if turns else rgb)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
