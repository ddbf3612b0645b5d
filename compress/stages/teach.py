"""Train a teacher of our own on real pairs."""

from __future__ import annotations

from pathlib import Path

from compress.artefacts import Labels, Teacher
from compress.schema import DataSpec, Seed, TeachSpec
from compress.stage import Progress, stage


@stage(gives=Teacher, version=1, environment=("torch",))
def teach(
    teach: TeachSpec, data: DataSpec, seed: Seed, out: Path, scratch: Path, progress: Progress,
    labels: Labels | None = None,
) -> None:  # fmt: skip
    """Writes ``net.safetensors`` (float16 weights) and ``curve.json``.

    The last averaged weights are kept; validation pictures are looked at, never selected on. With ``sees: truth`` it is
    trained, and looked at, on well-lit pictures alone.
    """
    import torch

    from compress.losses.degraded import Restored
    from compress.losses.noisy import Noisy
    from compress.models import build_net
    from compress.models.reparameterize import collapse, normed
    from compress.models.weights import save_net
    from compress.tasks import task_of
    from compress.training.course import train_net
    from compress.training.loop import Objective

    torch.manual_seed(seed.seed)
    net = normed(build_net(teach.network, teach.given))
    objective: Objective = task_of(data).objective(teach.loss)
    if teach.noise:
        objective = Noisy(objective, teach.noise)
    if teach.restored:
        objective = Restored(objective, net, task_of(data).scale, teach.restored)
    train_net(net, objective, teach.train, data, seed.seed, out, scratch, progress, labels=labels, sees=teach.sees)
    save_net(collapse(net), out / "net.safetensors", half=True)
