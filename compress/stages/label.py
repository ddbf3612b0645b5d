"""Ask a network about frames without ground truth, once: its pictures are what is trained to and measured by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import Labels, Student, Teacher
from compress.errors import ConfigError
from compress.kept import keep
from compress.schema import DataSpec
from compress.stage import Progress, stage

if TYPE_CHECKING:
    from torch import nn

    from compress.data.chosen import ChosenFrame
    from compress.data.labelled import LabelledFrame


@stage(gives=Labels, version=2, environment=("torch", "pillow", "numpy", "av"))
def label(
    teacher: Teacher | None,
    data: DataSpec,
    out: Path,
    scratch: Path,
    progress: Progress,
    student: Student | None = None,
) -> None:
    """Choose and split the frames of ``data``, and write what ``Labels`` lists.

    Asked is the teacher, without one the student as it is before anything is done to it: in float32, about whole
    frames; its picture is rounded to 8 bit. Raises DataError for frames that can't be used, ConfigError without any
    network, WeightsError for one from outside that fails on a frame.
    """
    from compress.data.chosen import choose_frames
    from compress.data.labelled import LabelList
    from compress.data.source import decoder_name
    from compress.models.weights import load_net
    from compress.records import Reference

    asked = teacher or student
    if asked is None:
        raise ConfigError(("stages: 'label' has no network to ask; put 'teacher' or 'student' in front",))
    reference: Reference = "teacher" if teacher else "float network"
    for name in ("dark", "truth"):
        (scratch / name).mkdir(exist_ok=True)
    progress.say("looks through the frames")
    choice = choose_frames(data, scratch / "dark", progress.say)
    progress.say(choice.how)
    net = load_net(asked.weights).eval()
    frames = []
    for index, frame in enumerate(choice.frames):
        progress.update(index, len(choice.frames), f"the {reference}'s picture of {frame.name}")
        frames.append(_answered(net, frame, index, data, scratch))
    videos = any(frame.decoded for frame in frames)
    listed = LabelList(
        reference=reference, digest=asked.digest, decoder=decoder_name(videos=videos), how=choice.how,
        frames=tuple(frames),
    )  # fmt: skip
    for name in ("dark", "truth") if videos else ("truth",):
        (scratch / name).rename(out / name)
    listed.write(out / "frames.json")


def _answered(net: nn.Module, frame: ChosenFrame, index: int, data: DataSpec, scratch: Path) -> LabelledFrame:
    """Write the answer, unless a run before this one did."""
    from compress.data.labelled import LabelledFrame
    from compress.data.pictures import read_picture, write_png
    from compress.data.scenes import frames_root
    from compress.models.enhance import enhance

    truth = scratch / "truth" / f"{index:06d}.png"
    if not truth.is_file():
        part = truth.with_suffix(".part")
        write_png(part, enhance(net, read_picture(frame.path)), compress_level=1)
        keep(part, truth)
    dark = f"dark/{frame.path.name}" if frame.decoded else frame.path.relative_to(frames_root(data)).as_posix()
    return LabelledFrame(
        name=frame.name, scene=frame.scene, split=frame.split, dark=dark, decoded=frame.decoded,
        truth=f"truth/{truth.name}",
    )  # fmt: skip
