"""What every training stage does around the loop: open the data, watch the validation split, write the curve."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from compress.artefacts import Labels
from compress.data.batches import BatchPlan, Guide
from compress.data.source import PairSource, open_data
from compress.data.truth import seen_by
from compress.metrics import psnr_db
from compress.models.enhance import enhance
from compress.schema import DataSpec, Train
from compress.schema.training import Sees
from compress.stage import Progress
from compress.training.loop import Objective, fit, ranks


def mean_psnr_db(net: nn.Module, source: PairSource) -> float:
    """Mean PSNR in dB of ``net`` over all pairs of ``source``."""
    pairs = (source.pair(i) for i in range(len(source)))
    return sum(psnr_db(enhance(net, dark), bright) for dark, bright in pairs) / len(source)


def train_net(
    net: nn.Module, objective: Objective, train: Train, data: DataSpec, seed: int,
    out: Path, scratch: Path, progress: Progress, guide: Guide | None = None,
    labels: Labels | None = None, sees: Sees = "dark",
) -> None:  # fmt: skip
    """Train ``net`` in place on the training split and write ``curve.json`` into ``out``."""
    val = seen_by(sees, open_data(data, "val", labels))
    with ranks() as group:
        source = seen_by(sees, open_data(data, "train", labels))
        plan = BatchPlan(source, train.phases, train.augment, seed, guide, rank=group.rank, ranks=group.count)
        evaluate = (lambda n: mean_psnr_db(n, val)) if len(val) else None
        curve = fit(net, objective, plan, train, scratch, progress, evaluate, group)
    curve.write(out / "curve.json")
