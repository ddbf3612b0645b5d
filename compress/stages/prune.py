"""Structured pruning to a MAC or latency budget, then fine-tuning under the teacher."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from compress.artefacts import Labels, Pruned, Student, Teacher
from compress.schema import Channels, DataSpec, DistillSpec, PictureSize, PruneSpec, Seed
from compress.stage import Progress, stage

if TYPE_CHECKING:
    from torch import nn


@stage(gives=Pruned, version=2, environment=("torch", "torch-pruning"))
def prune(
    student: Student, teacher: Teacher | None, prune: PruneSpec, distill: DistillSpec, channels: Channels,
    pictures: PictureSize, data: DataSpec, seed: Seed, out: Path, scratch: Path, progress: Progress,
    labels: Labels | None = None,
) -> None:  # fmt: skip
    """Writes the network, ``curve.json``, ``cuts.json`` (what was taken out, in order) and ``left_alone.json``
    (layers that keep all channels, and why; as far as looked for). Without a teacher, the student as it was is one.

    Channel counts stay multiples of the target's. Pruning itself takes seconds and is done again on
    resume; only the fine-tuning goes on from its checkpoint.
    """
    import torch

    from compress.foreign.adapted import own_names
    from compress.models.pruning import count_macs, prune_until
    from compress.models.weights import keep_net, load_net
    from compress.runtimes.picture import padded_size
    from compress.training.under_teacher import train_under

    torch.manual_seed(seed.seed)
    net = load_net(student.weights)
    multiple = int(net.size_multiple)  # type: ignore[arg-type]
    size = padded_size(*pictures.size, multiple)
    enough = enough_of(prune, count_macs(net, *size), size)
    gradients, keep = _gradients(data, seed.seed, labels), own_names(net, prune.keep)
    found = prune_until(net, enough, gradients, prune.importance, channels.multiple, keep, size)
    reduced, cuts = found.net, found.cuts
    progress.say(f"took {sum(len(cut.channels) for cut in cuts)} channels out of {len(cuts)} groups")
    if not enough(reduced, count_macs(reduced, *size)):
        progress.say("nothing more can go, though the budget is not reached")
    for each in found.left_alone:
        progress.say(f"left alone: {each.module}: {each.reason}")
    bare = distill.model_copy(update={"hints": ()})
    taught_by = (teacher or student).weights
    train_under(taught_by, reduced, bare, prune.train, data, seed.seed, out, scratch, progress, labels)
    keep_net(reduced, out, pruned=True)
    (out / "left_alone.json").write_text(json.dumps([asdict(each) for each in found.left_alone], indent=1) + "\n")
    (out / "cuts.json").write_text(json.dumps([asdict(cut) for cut in cuts], indent=1) + "\n")


def enough_of(spec: PruneSpec, macs_before: int, size: tuple[int, int]) -> Callable[[nn.Module, int], bool]:
    """When pruning may stop: latency if one is asked for, else the share of MACs."""
    if spec.max_latency_ms is not None:
        from compress.runtimes.quick import float_latency_ms

        limit = spec.max_latency_ms
        return lambda net, _macs: float_latency_ms(net, *size) <= limit
    return lambda _net, macs: macs <= (spec.keep_macs or 1.0) * macs_before


def _gradients(data: DataSpec, seed: int, labels: Labels | None) -> Callable[[nn.Module], None]:
    """Fills ``.grad`` with the mean over a few training crops of the gradient of the picture loss."""
    import torch

    from compress.data.source import open_source
    from compress.schema import Phase, PictureLoss, Train
    from compress.tasks import task_of
    from compress.training.loop import Ranks

    task, crops = task_of(data), Train(phases=(Phase(epochs=1000, batch=4, crop=192),))
    plan = task.schedule(open_source(data, "train", labels), crops, seed, None, Ranks(0, 1))
    objective = task.objective(PictureLoss())
    batches = [plan.batch(step) for step in range(4)]

    def fill(net: nn.Module) -> None:
        net.zero_grad(set_to_none=True)
        with torch.enable_grad():
            for batch in batches:
                objective(net, batch)[0].backward()

    return fill
