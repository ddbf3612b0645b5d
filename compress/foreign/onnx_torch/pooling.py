"""Pools: the largest or the mean of each window, or of the whole picture."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.errors import NetworkError
from compress.foreign.onnx_torch.layers import Padded
from compress.foreign.onnx_torch.op import Made, Maker, Place
from compress.foreign.onnx_torch.padding import window_pads

_MAX: dict[int, type[nn.Module]] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
_MEAN: dict[int, Any] = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}


def _max_pool(place: Place) -> Made:
    said = place.attributes
    if any(place.node.outputs[1:]):
        raise NetworkError("its indices are asked for; export the network without unpooling")
    kernel = said["kernel_shape"]
    stride, dilation = said.get("strides", [1] * len(kernel)), said.get("dilations", [1] * len(kernel))
    own, outside = window_pads(said, kernel, stride, dilation)
    if outside is None and any(2 * pad > side for pad, side in zip(own, kernel, strict=True)):
        own, outside = [0] * len(kernel), [each for pad in reversed(own) for each in (pad, pad)]  # torch takes half
    layer = _MAX[len(kernel)](kernel, stride, own, dilation, ceil_mode=bool(said.get("ceil_mode", 0)))
    return Made(layer if outside is None else Padded(layer, outside, float("-inf")), place.node.inputs[:1])


def _average_pool(place: Place) -> Made:
    said = place.attributes
    kernel = said["kernel_shape"]
    if any(each != 1 for each in said.get("dilations", [1])):
        raise NetworkError("it has dilations, which torch's mean pool has not")
    stride = said.get("strides", [1] * len(kernel))
    own, outside = window_pads(said, kernel, stride, [1] * len(kernel))
    ceil, counted = bool(said.get("ceil_mode", 0)), bool(said.get("count_include_pad", 0))
    pool = partial(_MEAN[len(kernel)], kernel_size=kernel, stride=stride, ceil_mode=ceil)
    if outside is None and all(2 * pad <= side for pad, side in zip(own, kernel, strict=True)):
        return place.op(partial(pool, padding=own, count_include_pad=counted), place.operand(0))
    pads = outside if outside is not None else [each for pad in reversed(own) for each in (pad, pad)]
    return place.op(partial(_padded_mean, pool=pool, pads=pads, counted=counted), place.operand(0))


def _padded_mean(x: Tensor, *, pool: Any, pads: Any, counted: bool) -> Tensor:
    wide = pads(x.shape[2:]) if callable(pads) else pads
    y: Tensor = pool(F.pad(x, wide))
    return y if counted else y / pool(F.pad(torch.ones_like(x[:1, :1]), wide))


def _global(x: Tensor, *, largest: bool) -> Tensor:
    sides = list(range(2, x.dim()))
    return x.amax(sides, keepdim=True) if largest else x.mean(sides, keepdim=True)


POOLING: dict[str, Maker] = {
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalMaxPool": lambda place: place.op(partial(_global, largest=True), place.operand(0)),
    "GlobalAveragePool": lambda place: place.op(partial(_global, largest=False), place.operand(0)),
}
