"""The same frames through torch and through every build, and how far apart the answers are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import BuildError, ToolchainError
from compress.parity.frames import Frame, Frames
from compress.parity.records import ParityReport, ParityRow, ParityRuntime
from compress.records import Build, NotBuilt, Variant
from compress.runtimes import RUNTIMES
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import MAPS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import nn

    from compress.data.source import Picture
    from compress.stage import Progress

    Parts = dict[str, NDArray[Any]]
    """A picture and maps by the output's name (``compress.runtimes.parts``)."""

    Run = Callable[[Picture], Parts]

MEAN_LIMIT_DB = 0.05
"""A build's mean PSNR against ground truth may be this far from its torch reference's, either way."""

WORST_LIMIT_DB = 0.3
"""The same for the image where they are farthest apart."""

MAPS_MEAN_LIMIT_DB = 45.0
"""Least signal over difference of a build's maps to its torch reference's, in the mean over images: INT8 itself is
50 dB from its float network (a trained detector of coloured shapes), two runtimes of it 53 dB from one another."""

MAPS_WORST_LIMIT_DB = 40.0
"""The same for the image where they are farthest apart."""

FLOAT = "torch float"
FAKE_QUANT = "torch fake-quant"


@dataclass(frozen=True)
class Subject:
    """What is compared: builds in ``folder``, and the torch networks that they were made from.

    ``quantized``: the folder of the Quantized artefact; ``nets``: files of the float networks that could be found.
    """

    title: str
    folder: Path
    builds: tuple[Build, ...]
    not_built: tuple[NotBuilt, ...]
    quantized: Path
    nets: Mapping[Variant, Path]
    float_self: Variant

    def network(self, variant: Variant) -> nn.Module | None:
        """The torch network that builds of ``variant`` should equal, in eval mode; None where it is not at hand."""
        from compress.models.quantized import load_fake_quant
        from compress.models.weights import load_net

        if variant in ("int8", "ptq"):
            return load_fake_quant(self.quantized, "qat" if variant == "int8" else "ptq")
        return load_net(self.nets[variant]).eval() if variant in self.nets else None


@dataclass
class _Scores:
    """What one output of a build scored so far."""

    psnr_db: list[float] = field(default_factory=list)
    delta_db: list[float] = field(default_factory=list)
    to_reference_db: list[float] = field(default_factory=list)


@dataclass
class _Column:
    """One build, or torch network, and what its ``outputs`` scored; ``problem``: why it can't go on."""

    name: str
    variant: Variant
    runtime: ParityRuntime
    reference: _Column | None
    run: Run
    outputs: dict[str, _Scores]
    size: tuple[int, int] | None = None
    judged: bool = True
    ran: bool = False
    fitted: bool = False
    problem: str = ""


def compare(subject: Subject, frames: Frames, options: RunOptions, progress: Progress) -> ParityReport:
    """Run everything on every frame. A build that can't run here has a row that says why.

    Raises DataError for a frame that can't be decoded.
    """
    from compress.metrics import DEFINITION

    columns = _columns(subject, options)
    for number, frame in enumerate(frames):
        answers: dict[tuple[str, bool], tuple[Parts, Frame]] = {}
        for place, column in enumerate(columns):
            progress.update(number + place / len(columns), len(frames), f"{column.name} on {frame.name}")
            if not column.problem:
                _score(column, frame, answers)
    rows = [_row(column, output) for column in columns for output in column.outputs]
    rows += [
        ParityRow(name=each.runtime, variant=each.variant or "int8", runtime=each.runtime, reference="",
                  result="incomplete" if each.variant in (None, "int8") and not each.free else None,
                  note=f"not built: {each.reason}")
        for each in subject.not_built
    ]  # fmt: skip
    return ParityReport(
        builds=subject.title, definition=DEFINITION, data_kind=frames.kind, data_digest=frames.digest,
        images=frames.names, mean_limit_db=MEAN_LIMIT_DB, worst_limit_db=WORST_LIMIT_DB,
        maps_mean_limit_db=MAPS_MEAN_LIMIT_DB, maps_worst_limit_db=MAPS_WORST_LIMIT_DB, rows=tuple(rows),
    )  # fmt: skip


def _columns(subject: Subject, options: RunOptions) -> list[_Column]:
    """Fake-quant torch first, then float torch, then what else is a reference, then the builds."""
    from compress.models.outputs import outputs_of
    from compress.models.parts import parts_of
    from compress.runtimes.parts import parts_runner

    columns: list[_Column] = []
    torch_of: dict[Variant, _Column | None] = {}
    names: dict[Variant, str] = {"int8": FAKE_QUANT, subject.float_self: FLOAT}
    for variant in dict.fromkeys(("int8", subject.float_self, *(build.variant for build in subject.builds))):
        net = subject.network(variant)
        torch_of[variant] = None
        if net is not None:
            reference = torch_of["int8"] if variant == subject.float_self else None
            name = names.get(variant, f"torch {variant}")
            run, scores = partial(parts_of, net), {output: _Scores() for output in outputs_of(net)}
            column = _Column(name, variant, "torch", reference, run, scores, judged=False)
            torch_of[variant] = column
            columns.append(column)
    for build in subject.builds:
        runner = parts_runner(build, subject.folder, options)
        size = (build.height, build.width) if build.height and build.width else None
        scores = {spec.name: _Scores() for spec in build.contract.outputs}
        column = _Column(build.name, build.variant, build.runtime, torch_of[build.variant], runner, scores, size)
        if build.runtime not in RUNTIMES:
            column.problem = f"this version runs no {build.runtime} builds"
        elif column.reference is None:
            column.problem = f"the {build.variant} network it was made from is not in the store"
        columns.append(column)
    return columns


def _score(column: _Column, frame: Frame, answers: dict[tuple[str, bool], tuple[Parts, Frame]]) -> None:
    """Run ``column`` on ``frame``. ``answers``: those to this frame so far, by name and whether it was made to fit."""
    try:
        answer, given, fitted = _answer(column, frame)
    except (BuildError, ToolchainError) as error:
        column.problem = str(error)
        return
    answers[column.name, fitted] = answer, given
    column.fitted, column.ran = column.fitted or fitted, True
    reference: Parts | None = None
    if column.reference is not None:
        key = column.reference.name, fitted
        if key not in answers:  # the reference has seen the frame as it is, not as this build takes it
            answers[key] = column.reference.run(given.dark), given
        reference = answers[key][0]
    for output, scores in column.outputs.items():
        if output == MAPS:
            _score_maps(scores, answer[MAPS], None if reference is None else reference[MAPS])
        else:
            _score_picture(scores, answer[output], None if reference is None else reference[output], given.truth)


def _score_picture(scores: _Scores, answer: Picture, reference: Picture | None, truth: Picture | None) -> None:
    from compress.metrics import psnr_db

    own = psnr_db(answer, truth) if truth is not None else None
    if own is not None:
        scores.psnr_db.append(own)
    if reference is None:
        return
    scores.to_reference_db.append(psnr_db(answer, reference))
    if own is not None and truth is not None:
        scores.delta_db.append(own - psnr_db(reference, truth))


def _score_maps(scores: _Scores, answer: NDArray[Any], reference: NDArray[Any] | None) -> None:
    from compress.parity.bisect import EQUAL_DB, snr_db

    if reference is not None:  # JSON has no infinity
        scores.to_reference_db.append(max(snr_db(reference, answer), -EQUAL_DB))


def _answer(column: _Column, frame: Frame) -> tuple[Parts, Frame, bool]:
    """The answer, what was given, and whether that was made to fit: not every SDK can run another size than its own."""
    if not column.fitted:
        try:
            return column.run(frame.dark), frame, False
        except BuildError:
            if column.size is None or column.size == frame.dark.shape[:2] or column.ran:
                raise
    assert column.size is not None
    given = frame.fitted(*column.size)
    return column.run(given.dark), given, True


def within(deltas: tuple[float, ...]) -> bool:
    """Whether differences from the reference, one an image, are inside both limits."""
    return abs(math.fsum(deltas) / len(deltas)) <= MEAN_LIMIT_DB and max(map(abs, deltas)) <= WORST_LIMIT_DB


def maps_within(closeness: tuple[float, ...]) -> bool:
    """Whether maps are as near to the reference's as both limits ask, one figure an image."""
    return math.fsum(closeness) / len(closeness) >= MAPS_MEAN_LIMIT_DB and min(closeness) >= MAPS_WORST_LIMIT_DB


def _row(column: _Column, output: str) -> ParityRow:
    scores = column.outputs[output]
    deltas, closeness = (
        tuple(round(value, 6) for value in values) for values in (scores.delta_db, scores.to_reference_db)
    )
    judged_by, judge = (closeness, maps_within) if output == MAPS else (deltas, within)
    note = column.problem
    if not note and column.judged and not judged_by:
        note = "no ground truth with these frames, so no verdict"
    if not note and column.fitted and column.size is not None:
        note = f"takes {column.size[0]}x{column.size[1]} only: frames were cut or padded to it"
    complete = bool(judged_by) and not column.problem
    result = ("pass" if judge(judged_by) else "fail") if complete else "incomplete"
    return ParityRow(
        name=column.name, variant=column.variant, runtime=column.runtime,
        reference=column.reference.name if column.reference else "", result=result if column.judged else None,
        psnr_db=tuple(round(value, 6) for value in scores.psnr_db), delta_db=deltas,
        to_reference_db=closeness, note=note, output=output,
    )  # fmt: skip
