"""The camera's codes as a foreign network is given them: quantizers of its input that are known, not calibrated.

Calibration pictures are dark, and a lamp is not: ranges that they give would cut it off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from compress.foreign.adapted import Adapted
from compress.models.enhance import small_size

Ends = tuple[float, float]


@torch.no_grad()
def pin_camera_codes(net: Adapted) -> None:
    """Give each activation quantizer whose input is the picture, as the adapter turns it, the picture's whole range.

    One that other tensors go through as well (where they are joined, all have one scale) keeps the range that these
    need, made as wide as the picture's where it is not.
    """
    from nncf.torch.quantization.layers import BaseQuantizer

    picture = torch.rand(1, 3, *small_size(net), generator=torch.Generator().manual_seed(2))
    known = {(0.0, 1.0): picture, net.given_range: net.turned(picture)}
    quantizers = [module for module in net.modules() if isinstance(module, BaseQuantizer)]
    seen: dict[BaseQuantizer, list[Ends | None]] = {module: [] for module in quantizers}

    def look(module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        seen[module].append(_ends_of(inputs[0], known))

    enabled: list[Callable[[], None]] = [module.register_forward_hook(look).remove for module in quantizers]
    try:
        net.eval()(picture)
    finally:
        for remove in enabled:
            remove()
    for quantizer, calls in seen.items():
        ends = [each for each in calls if each is not None]
        if not ends:
            continue
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        if len(ends) == len(calls):
            pin(quantizer, low, high)
        else:
            was_low, was_high = _range(quantizer)
            _set(quantizer, min(low, was_low), max(high, was_high))


def pin(quantizer: Any, low: float, high: float) -> None:
    """Give a quantizer of activations this range for good: it is not trained."""
    with torch.no_grad():
        _set(quantizer, low, high)
    for parameter in quantizer.parameters():
        parameter.requires_grad_(False)


def _ends_of(x: Tensor, known: Mapping[Ends, Tensor]) -> Ends | None:
    matches = (ends for ends, values in known.items() if x.shape == values.shape and torch.allclose(x, values))
    return next(matches, None)


def _range(quantizer: Any) -> Ends:
    if hasattr(quantizer, "input_low"):
        low = float(quantizer.input_low)
        return low, low + float(quantizer.input_range)
    scale = float(quantizer.scale)
    return -scale if quantizer.signed else 0.0, scale


def _set(quantizer: Any, low: float, high: float) -> None:
    if hasattr(quantizer, "input_low"):
        quantizer.input_low.fill_(low)
        quantizer.input_range.fill_(high - low)
    else:
        quantizer.scale.fill_(max(abs(low), abs(high)))
