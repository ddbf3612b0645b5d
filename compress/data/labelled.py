"""Frames with a network's picture in the place of a ground truth, as the stage ``label`` left them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compress.artefacts import Labels
from compress.data.cache import CachedPairs
from compress.data.pictures import read_picture
from compress.data.scenes import frames_root
from compress.errors import DataError
from compress.records import Fidelity, MetricFacts, QualityReport, Record, Reference

if TYPE_CHECKING:
    from pathlib import Path

    from compress.data.source import Pair, Split
    from compress.schema import DataSpec


class LabelledFrame(Record):
    """One frame. ``dark``: a file below the set's root, or, ``decoded``, in the artefact, where ``truth`` lies."""

    name: str
    scene: str
    split: str
    dark: str
    decoded: bool
    truth: str


class LabelList(Record):
    """``frames.json``. ``digest``: of the network that answered; ``how``: in words, how frames were chosen."""

    reference: Reference
    digest: str
    decoder: str
    how: str
    frames: tuple[LabelledFrame, ...]


def open_labelled(spec: DataSpec, labels: Labels, split: Split) -> CachedPairs:
    """The frames of one split, each with the network's picture, 8 bit a colour.

    Training and validation share ``spec.memory_mib`` in proportion to their frames, for both are open during training.
    Raises DataError where the set's pictures are no longer there.
    """
    from compress.tasks import picture_task_of

    task = picture_task_of(spec)
    listed = LabelList.read(labels.listed).frames
    frames = tuple(frame for frame in listed if frame.split == split)
    budget_bytes = spec.memory_mib * 2**20
    if split != "test":
        budget_bytes = budget_bytes * len(frames) // sum(frame.split != "test" for frame in listed)

    def make(index: int) -> Pair:
        frame = frames[index]
        dark, truth = read_picture(_dark(spec, labels, frame)), read_picture(labels.folder / frame.truth)
        if task.high_size((dark.shape[0], dark.shape[1])) != truth.shape[:2]:
            raise DataError(f"{frame.dark}: has another size than when it was labelled; start the run again")
        return dark, truth

    return CachedPairs(
        tuple(frame.name for frame in frames), tuple(frame.scene for frame in frames), make, budget_bytes
    )


def definition_of(labels: Labels) -> str:
    """Of figures that are measured against ``labels``."""
    from compress.metrics import fidelity_definition

    return fidelity_definition(LabelList.read(labels.listed).reference)


def as_fidelity(report: QualityReport, labels: Labels) -> QualityReport:
    """``report``, measured against a network's pictures, called what it is; GT-mean has no meaning there."""
    from compress.metrics import fidelity_definition

    listed = LabelList.read(labels.listed)
    fidelity = Fidelity(to=listed.reference, digest=listed.digest, frames=listed.how)
    return report.model_copy(
        update={
            "definition": fidelity_definition(fidelity.to), "decoder": listed.decoder,
            "rows": tuple(row.model_copy(update={"psnr_gtmean_db": ()}) for row in report.rows),
            "metrics": tuple(_fidelity_of(each, fidelity.name) for each in report.metrics),
            "fidelity": fidelity,
        }
    )  # fmt: skip


def _fidelity_of(facts: MetricFacts, name: str) -> MetricFacts:
    """A metric of the picture alone stays what it is."""
    from compress.metrics.table import METRICS

    compared = any(each.compare is not None for key, each in METRICS.items() if key == facts.name)
    return facts.model_copy(update={"heading": f"{name}, {facts.heading}"}) if compared else facts


def _dark(spec: DataSpec, labels: Labels, frame: LabelledFrame) -> Path:
    return labels.folder / frame.dark if frame.decoded else frames_root(spec) / frame.dark
