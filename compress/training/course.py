"""What every training stage does around the loop: open the data, watch the validation split, write the curve."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from compress.artefacts import Labels
from compress.data.batches import Guide
from compress.data.source import open_source
from compress.data.truth import seen_by
from compress.schema import DataSpec, Train
from compress.schema.training import Sees
from compress.stage import Progress
from compress.tasks import task_of
from compress.training.loop import Objective, fit, ranks


def train_net(
    net: nn.Module, objective: Objective, train: Train, data: DataSpec, seed: int,
    out: Path, scratch: Path, progress: Progress, guide: Guide | None = None,
    labels: Labels | None = None, sees: Sees = "dark",
) -> None:  # fmt: skip
    """Train ``net`` in place on the training split and write ``curve.json`` into ``out``."""
    task = task_of(data)
    val = seen_by(sees, open_source(data, "val", labels))
    with ranks(scratch.name) as group:
        plan = task.schedule(seen_by(sees, open_source(data, "train", labels)), train, seed, guide, group)
        watch = task.watch(val) if len(val) else None
        curve = fit(net, objective, plan, train, scratch, progress, watch, group, task.looks)
    curve.write(out / "curve.json")
