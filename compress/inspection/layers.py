"""The layers of a network from code: what each gives, which can feed a hint, which pruning leaves alone."""

from __future__ import annotations

import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

from compress.inspection.facts import LayerFact

if TYPE_CHECKING:
    from torch import nn

FEW_PARAMETERS = 300_000
"""Above, pruning is not tried: each channel of each layer is asked for once."""


def module_layers(net: nn.Module, size: tuple[int, int]) -> tuple[LayerFact, ...]:
    """In the order in which they first answer. Of one that runs several times, what it gives last: a hint's too."""
    import torch

    shapes: dict[str, tuple[int, ...]] = {}
    runs: Counter[str] = Counter()

    def note(name: str) -> Any:
        def hook(_module: object, _inputs: object, output: object) -> None:
            runs[name] += 1
            shapes[name] = tuple(output.shape) if isinstance(output, torch.Tensor) else ()

        return hook

    handles = [each.register_forward_hook(note(name)) for name, each in net.named_modules() if name]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net(torch.linspace(0, 0.3, 3 * size[0] * size[1]).reshape(1, 3, *size))
    for handle in handles:
        handle.remove()
    alone = _left_alone(net)
    return tuple(
        LayerFact(name=name, shape=shape, runs=runs[name], hint=len(shape) == 4, kept_whole=alone.get(name))
        for name, shape in shapes.items()
    )


def _left_alone(net: nn.Module) -> dict[str, str]:
    from compress.models.pruning import uncuttable

    if sum(each.numel() for each in net.parameters()) > FEW_PARAMETERS:
        return {}
    try:
        return {each.module: each.reason for each in uncuttable(net)}
    except Exception:  # somebody else's code, cut and run in another precision
        return {}  # said once, of the whole network
