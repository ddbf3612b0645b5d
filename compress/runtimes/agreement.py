"""Whether a file answers as the network that it was made from, and how far rounding alone may move an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compress.errors import BuildError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

FLOAT_TOLERANCE = 2e-4
"""Largest difference that the order of float sums may make, on a scale of 1."""

INT8_MEAN_TOLERANCE = 2e-3
"""Mean difference of quantized answers: a float sum that ends on the other side of a rounding edge
moves one value by a whole step, so the largest difference says nothing; a wrong scale moves all of them."""

INT8_MEAN_LIMIT = 1e-2
"""What no network may be away, however little it rests."""

_LAST_BITS = 1e-5
"""Relative; more than float32's own rounding, for a bias is a small part of the sums whose rounding it stands for (with
1e-6 a network that moved by .005 in ONNX Runtime did not move in any of six tries)."""

_TRIES = 5


def check_answer(
    what: str, answer: NDArray[np.float32], truth: NDArray[np.float32], quantized: bool, span: float = 1.0,
    unrest: Callable[[], float] = lambda: 0.0,
) -> None:  # fmt: skip
    """Raise BuildError unless ``answer`` is ``truth`` but for rounding; ``span``: what is one on their scale.

    ``unrest``: how far a quantized answer moves by itself, asked only where it is needed (``unrest_of``). Twice that is
    allowed where it is more than INT8_MEAN_TOLERANCE, and INT8_MEAN_LIMIT at most (ADR 0052).
    """
    import numpy as np

    if answer.shape != truth.shape:
        raise BuildError(f"{what} answers {list(answer.shape)}, the network {list(truth.shape)}")
    away = np.abs(answer - truth) / span
    if quantized:
        mean = float(away.mean())
        near = mean <= INT8_MEAN_TOLERANCE or (mean <= INT8_MEAN_LIMIT and mean <= 2 * unrest())
        wrong, figure = not near, f"{mean:.2g} on average"
    else:
        wrong, figure = not float(away.max()) <= FLOAT_TOLERANCE, f"up to {away.max():.2g}"
    if wrong:
        raise BuildError(f"{what} answers otherwise than the network it was made from: {figure} away on a scale of 1")


def unrest_of(
    net: nn.Module, ask: Callable[[nn.Module], NDArray[np.float32]], truth: NDArray[np.float32], span: float
) -> float:
    """Mean distance on a scale of 1 by which an output moves when the last bits of the network's biases change.

    In a deep network one value that falls on the other side of a rounding edge moves others, layer by layer, to another
    answer as good as the first: a trained ``night_pair`` (36 layers) moves by .002 to .008. The largest of five tries;
    0 where there is no bias. The network is left as it was.
    """
    import numpy as np
    import torch

    moved = 0.0
    biases = [each for path, each in net.named_parameters() if path.rpartition(".")[2] == "bias"]
    kept: list[Any] = [bias.detach().clone() for bias in biases]
    for seed in range(_TRIES):
        draw = torch.Generator().manual_seed(seed)
        try:
            with torch.no_grad():
                for bias in biases:
                    bias.mul_(1 + _LAST_BITS * (2 * torch.rand(bias.shape, generator=draw) - 1).to(bias))
            moved = max(moved, float(np.abs(ask(net) - truth).mean()) / span)
        finally:
            with torch.no_grad():
                for bias, before in zip(biases, kept, strict=True):
                    bias.copy_(before)
    return moved
