"""Recurrent layers: NNCF quantizes none of them, so they are float in every build."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def recurrent_layers(net: nn.Module) -> tuple[str, ...]:
    """GRUs, LSTMs and their like, by module name and kind: ``scan (GRU)``."""
    from torch import nn

    kinds = (nn.RNNBase, nn.RNNCellBase)
    found = ((name, each) for name, each in net.named_modules() if isinstance(each, kinds))
    return tuple(f"{name or 'it'} ({type(each).__name__})" for name, each in found)


def recurrent_problem(net: nn.Module) -> str | None:
    """Why nothing of ``net`` can run in int8: all of its weights are in recurrent layers; None where it is not so."""
    from torch import nn

    found = recurrent_layers(net)
    others = (each for each in net.modules() if not isinstance(each, nn.RNNBase | nn.RNNCellBase))
    if not found or any(value.dim() > 1 for each in others for value in each.parameters(recurse=False)):
        return None
    return (
        f"all of its weights are in recurrent layers, which can't be quantized: {', '.join(found)}; "
        "leave it whole and let it teach one of our students (teacher.source)"
    )
