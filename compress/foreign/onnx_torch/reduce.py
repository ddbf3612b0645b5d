"""Operators that sum up over sides: reductions, softmax, matrix products' kin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from compress.foreign.onnx_torch.op import Made, Maker, Numbers, Place, whole

Reduction = Callable[[Tensor, list[int], bool], Tensor]


def _prod(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    for axis in sorted((axis % x.dim() for axis in axes), reverse=True):
        x = x.prod(axis, keepdim=keep)
    return x


def _mean(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return x.mean(axes, keepdim=keep)


def _sum(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return x.sum(axes, keepdim=keep)


def _max(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return x.amax(axes, keepdim=keep)


def _min(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    return x.amin(axes, keepdim=keep)


_REDUCTIONS: dict[str, Reduction] = {
    "ReduceMean": _mean, "ReduceSum": _sum, "ReduceMax": _max, "ReduceMin": _min, "ReduceProd": _prod,
    "ReduceL1": lambda x, axes, keep: x.abs().sum(axes, keepdim=keep),
    "ReduceL2": lambda x, axes, keep: x.square().sum(axes, keepdim=keep).sqrt(),
    "ReduceSumSquare": lambda x, axes, keep: x.square().sum(axes, keepdim=keep),
    "ReduceLogSumExp": lambda x, axes, keep: torch.logsumexp(x, axes, keepdim=keep),
    "ReduceLogSum": lambda x, axes, keep: x.sum(axes, keepdim=keep).log(),
}  # fmt: skip


def _reduced(x: Tensor, axes: Numbers | Tensor | None, *, way: Reduction, keep: bool, none: bool) -> Tensor:
    numbers = [] if axes is None else [int(axis) for axis in whole(axes)]
    if not numbers and none:
        return x
    return way(x, numbers or list(range(x.dim())), keep)


def _reduction(place: Place) -> Made:
    """Axes as an attribute in older opsets, else as an input."""
    keep, none = bool(place.attributes.get("keepdims", 1)), bool(place.attributes.get("noop_with_empty_axes", 0))
    function = partial(_reduced, way=_REDUCTIONS[place.node.op], keep=keep, none=none)
    return place.op(function, place.operand(0), place.numbers(1, "axes"))


def _softmax(place: Place) -> Made:
    """Over one side since opset 13; before over all from ``axis`` on."""
    way: Any = torch.softmax if place.node.op == "Softmax" else torch.log_softmax
    if place.opset >= 13:
        return place.op(partial(way, dim=place.attributes.get("axis", -1)), place.operand(0))
    return place.op(partial(_over_the_rest, way=way, axis=place.attributes.get("axis", 1)), place.operand(0))


def _over_the_rest(x: Tensor, *, way: Any, axis: int) -> Tensor:
    if axis % x.dim() == x.dim() - 1:
        return way(x, dim=-1)  # type: ignore[no-any-return]
    return way(x.flatten(axis), dim=-1).reshape(x.shape)  # type: ignore[no-any-return]


def _best(place: Place) -> Made:
    said = place.attributes
    way = torch.argmax if place.node.op == "ArgMax" else torch.argmin
    return place.op(partial(way, dim=said.get("axis", 0), keepdim=bool(said.get("keepdims", 1))), place.operand(0))


def _lp_norm(place: Place) -> Made:
    said = place.attributes
    return place.op(partial(F.normalize, p=said.get("p", 2), dim=said.get("axis", -1), eps=0.0), place.operand(0))


REDUCE: dict[str, Maker] = {
    **dict.fromkeys(_REDUCTIONS, _reduction),
    "Softmax": _softmax, "LogSoftmax": _softmax, "ArgMax": _best, "ArgMin": _best, "LpNormalization": _lp_norm,
}  # fmt: skip
