"""The networks: five public styles out of ``tests/public_styles.py``, trained on pairs in a minute or less."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from compress.data.source import PairSource
from compress.models.enhance import to_tensor

STYLES = Path(__file__).resolve().parents[2] / "tests" / "public_styles.py"
_CROP_PX, _BATCH = 64, 4


@dataclass(frozen=True)
class Style:
    """A class of ``STYLES``; ``output``: which of a tuple is the picture; the rest is as its adapter has to say it."""

    name: str
    what: str
    size_multiple: int = 1
    output: int | None = None

    def words(self, weights: Path) -> tuple[str, ...]:
        """What a plan says of it."""
        adapter = {"colours": "RGB", "range": "0..1", "answers": "picture", "size_multiple": self.size_multiple}
        adapter |= {"padding": "reflect"} if self.size_multiple > 1 else {}
        adapter |= {} if self.output is None else {"output": self.output}
        return (
            f"student.source.network={STYLES}:{self.name}", f"student.source.weights={weights}",
            *(f"student.adapter.{name}={value}" for name, value in adapter.items()),
        )  # fmt: skip

    def picture_of(self, answer: Tensor | tuple[Tensor, ...]) -> Tensor:
        """The picture among what the network answers."""
        if isinstance(answer, tuple):
            return answer[self.output or 0]
        return answer


ALL = (
    Style("CurveEstimator", "curve estimator", output=0),
    Style("SmallUNet", "U-Net with BatchNorm", size_multiple=2),
    Style("Transformer", "attention transformer", size_multiple=8),
    Style("ResidualDense", "residual dense"),
    Style("Decomposition", "illumination and reflectance", output=0),
)


def train(style: Style, pairs: PairSource, steps: int, weights: Path) -> None:
    """Write ``weights`` after ``steps`` of Adam on the mean absolute error of crops, the same every time."""
    torch.manual_seed(0)
    net = made(style).train()
    crops = torch.Generator().manual_seed(0)
    held = [tuple(map(to_tensor, pairs.pair(index))) for index in range(len(pairs))]
    optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=steps)
    for _ in range(steps):
        dark, bright = _batch(held, crops)
        loss = (style.picture_of(net(dark)) - bright).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        rate.step()
    torch.save(net.state_dict(), weights)


def made(style: Style) -> nn.Module:
    """The network, untrained."""
    spec = importlib.util.spec_from_file_location("public_styles", STYLES)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    net: nn.Module = getattr(module, style.name)()
    return net


def _batch(held: list[tuple[Tensor, ...]], crops: torch.Generator) -> tuple[Tensor, Tensor]:
    """Two of (N, 3, 64, 64) float32 in [0, 1]."""
    found = []
    for _ in range(_BATCH):
        dark, bright = held[_drawn(len(held), crops)]
        top, left = (_drawn(side - _CROP_PX + 1, crops) for side in dark.shape[2:])
        found.append([each[..., top : top + _CROP_PX, left : left + _CROP_PX] for each in (dark, bright)])
    return torch.cat([dark for dark, _ in found]), torch.cat([bright for _, bright in found])


def _drawn(below: int, generator: torch.Generator) -> int:
    return int(torch.randint(below, (1,), generator=generator))
