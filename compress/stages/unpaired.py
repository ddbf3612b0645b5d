"""Train a network by dark and well-lit pictures of which none is a pair."""

from __future__ import annotations

from pathlib import Path

from compress.artefacts import Unpaired
from compress.schema import DataSpec, Seed, UnpairedSpec
from compress.stage import Progress, stage


@stage(gives=Unpaired, version=1, environment=("torch",))
def unpaired(unpaired: UnpairedSpec, data: DataSpec, seed: Seed, out: Path, scratch: Path, progress: Progress) -> None:
    """Writes ``net.safetensors``, whose metadata says what it was trained by, ``curve.json`` and ``unpaired.json``.

    It may ship, or teach. Validation pairs are looked at, never selected on.
    """
    import torch

    from compress.data.source import open_data
    from compress.models import build_net
    from compress.models.reparameterize import normed
    from compress.models.weights import TRAINED_BY, save_net
    from compress.tasks import task_of
    from compress.training.unpaired import train_unpaired

    torch.manual_seed(seed.seed)
    net = normed(build_net(unpaired.network, {"width": unpaired.width}))
    val = open_data(data, "val")
    watch = task_of(data).watch(val) if len(val) else None
    trained, curve, facts = train_unpaired(net, unpaired, data, seed.seed, scratch, progress, watch)
    curve.write(out / "curve.json")
    facts.write(out / "unpaired.json")
    progress.say(facts.sentence)
    save_net(trained, out / "net.safetensors", {TRAINED_BY: facts.sentence})
