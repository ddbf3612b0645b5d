"""Find a camera's kernel and noise from its own frames, and make pairs with them: frame, and frame made smaller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import Labels
from compress.schema import DataSpec, DegradeSpec, Seed
from compress.stage import Progress, stage

if TYPE_CHECKING:
    from compress.data.chosen import ChosenFrame
    from compress.data.labelled import LabelledFrame
    from compress.degradation.records import KernelReport


@stage(gives=Labels, version=2, environment=("torch", "pillow", "numpy", "av"))
def degrade(data: DataSpec, degrade: DegradeSpec, seed: Seed, out: Path, scratch: Path, progress: Progress) -> None:
    """Writes what ``Labels`` lists, ``kernel.json`` (``compress.degradation.records``) and ``kernel.svg``.

    The truth of a pair is the frame, cut to multiples of twice the scale; what goes in is the frame shrunk by the
    kernel, with the noise. Raises DataError for frames that can't be used.
    """
    from compress.data.chosen import choose_frames
    from compress.data.labelled import LabelList
    from compress.data.pictures import read_picture
    from compress.data.source import decoder_name, spread
    from compress.degradation.estimate import estimate
    from compress.degradation.plot import kernel_svg
    from compress.degradation.records import KernelReport
    from compress.tasks import picture_task_of

    (scratch / "dark").mkdir(exist_ok=True)
    progress.say("looks through the frames")
    choice = choose_frames(data, scratch / "dark", progress.say)
    progress.say(choice.how)
    train = [frame for frame in choice.frames if frame.split == "train"]
    chosen = [train[place] for place in spread(len(train), degrade.frames)]
    progress.say(f"finds the kernel of {len(chosen)} frames")
    found = estimate([read_picture(frame.path) for frame in chosen], seed.seed, degrade.restarts)
    report = KernelReport.of(found, picture_task_of(data).scale, tuple(frame.name for frame in chosen))
    progress.say(report.summary)
    for name in ("low", "truth"):
        (out / name).mkdir()
    frames = []
    for index, frame in enumerate(choice.frames):
        progress.update(index, len(choice.frames), f"makes {frame.name} smaller")
        frames.append(_pair(frame, index, report, seed.seed if degrade.noise else None, out))
    LabelList(
        reference="given frame", digest=report.digest,
        decoder=decoder_name(videos=any(frame.decoded for frame in choice.frames)), how=choice.how,
        frames=tuple(frames),
    ).write(out / "frames.json")  # fmt: skip
    report.write(out / "kernel.json")
    (out / "kernel.svg").write_text(kernel_svg(report), encoding="utf-8")


def _pair(frame: ChosenFrame, index: int, report: KernelReport, seed: int | None, out: Path) -> LabelledFrame:
    """``seed`` of its noise; None: none is added."""
    from compress.data.labelled import LabelledFrame
    from compress.data.pictures import MIN_SIDE, read_picture, write_png
    from compress.errors import DataError
    from compress.zero_shot.pairs import degraded

    picture, step = read_picture(frame.path), 2 * report.scale
    height, width = (side // step * step for side in picture.shape[:2])
    if min(height, width) < MIN_SIDE * report.scale:
        raise DataError(f"{frame.name}: {width}x{height} is too small to be shrunk by {report.scale}; leave it out")
    truth = picture[:height, :width]
    noise = 0.0 if seed is None else report.noise
    low = degraded(truth, report.kernel, report.scale, noise, (seed or 0) * 1_000_003 + index)
    names = [f"{folder}/{index:06d}.png" for folder in ("low", "truth")]
    for name, each in zip(names, (low, truth), strict=True):
        write_png(out / name, each, compress_level=1)
    return LabelledFrame(
        name=frame.name, scene=frame.scene, split=frame.split, dark=names[0], decoded=True, truth=names[1]
    )
