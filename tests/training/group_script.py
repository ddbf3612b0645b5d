"""Run by ``test_train``: short trainings, alone or in a torchrun group, the last of fake-quant; leaves the weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from compress.data.batches import BatchPlan
from compress.data.source import PairSource
from compress.losses.distill import Supervised
from compress.models import build_net
from compress.models.enhance import to_tensor
from compress.models.quantized import insert_fake_quant
from compress.schema import Phase, PictureLoss, QuantizeSpec, Scheme, Train
from compress.training.loop import fit, ranks

if TYPE_CHECKING:
    from compress.data.source import Pair


class Noise(PairSource):
    """Four pairs of seeded pictures."""

    def __init__(self) -> None:
        self.names = self.scenes = tuple("abcd")

    def pair(self, index: int) -> Pair:
        bright = np.random.default_rng(index).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        return bright // 8, bright


class Silent:
    def update(self, done: float, total: float, note: str = "") -> None: ...

    def say(self, line: str) -> None: ...


def main(folder: Path) -> None:
    phases = (Phase(epochs=2, batch=3, without=("repair",)), Phase(epochs=4, batch=3))  # two here, one there
    train = Train(phases=phases, lr=1e-3, ema=0.0, precision="fp32")
    torch.manual_seed(0)
    net = build_net("light_twin", {"width": 16, "light_width": 8})
    for part in ("first", "second"):  # a chain trains more than once
        _train(net, train, folder, part)
    frames = [to_tensor(Noise().pair(index)[0]) for index in range(2)]
    fake = insert_fake_quant(net, frames, Scheme(activations="affine"), QuantizeSpec(keep_float=("light",)))
    _train(fake, train.model_copy(update={"phases": (Phase(epochs=4, batch=3),), "ema": 0.9}), folder, "quantized")


def _train(net: nn.Module, train: Train, folder: Path, part: str) -> None:
    with ranks(part) as group:
        plan = BatchPlan(Noise(), train.phases, train.augment, 1, rank=group.rank, ranks=group.count)
        scratch = folder / f"{part}-scratch{group.rank}of{group.count}"
        scratch.mkdir()
        # L1 averages over pictures alike in any split; SSIM would too, but keep to one term.
        objective = Supervised(PictureLoss(ssim=0))
        curve = fit(net, objective, plan, train, scratch, Silent(), group=group)
        torch.save(net.state_dict(), folder / f"{part}-{group.rank}of{group.count}")
        curve.write(folder / f"{part}-{group.rank}of{group.count}.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
