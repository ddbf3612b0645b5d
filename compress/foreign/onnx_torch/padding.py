"""Padding as ONNX says it: of windows (convolutions, pools) and of the operator Pad."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from compress.errors import NetworkError
from compress.foreign.onnx_torch.op import Made, Numbers, Place, whole

_MODES = {"reflect": "reflect", "edge": "replicate", "wrap": "circular"}
Outside = list[int] | Callable[[Any], list[Any]]


def window_pads(
    said: Mapping[str, Any], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[list[int], Outside | None]:
    """The padding that a torch layer takes (the same at both ends) and, where that can't say it, pads for F.pad before
    it: numbers, or a function of the input's sides."""
    sides = len(kernel)
    auto = said.get("auto_pad", "NOTSET")
    if auto == "VALID":
        return [0] * sides, None
    if auto.startswith("SAME"):
        lower = auto == "SAME_LOWER"
        reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
        if any(step > 1 for step in stride):
            return [0] * sides, partial(_same, reach=reach, stride=list(stride), lower=lower)
        low = [(r - 1) - (r - 1) // 2 if lower else (r - 1) // 2 for r in reach]
        pads = [*low, *(r - 1 - begin for r, begin in zip(reach, low, strict=True))]
    else:
        pads = list(said.get("pads", [0] * 2 * sides))
    if pads[:sides] == pads[sides:]:
        return pads[:sides], None
    return [0] * sides, pad_sides(pads[:sides], pads[sides:])


def _same(shape: Any, *, reach: list[int], stride: list[int], lower: bool) -> list[Any]:
    begins, ends = [], []
    for side, window, step in zip(shape, reach, stride, strict=True):
        surplus = max((-(-side // step) - 1) * step + window - side, 0)
        begins.append(surplus - surplus // 2 if lower else surplus // 2)
        ends.append(surplus - begins[-1])
    return pad_sides(begins, ends)


def pad_sides(begins: Sequence[Any], ends: Sequence[Any]) -> list[Any]:
    """In the order of F.pad: the last side first."""
    return [each for pair in reversed(list(zip(begins, ends, strict=True))) for each in pair]


def pad(place: Place) -> Made:
    """Pad, its numbers from attributes or inputs, for all sides or those of ``axes``."""
    mode = place.attributes.get("mode", "constant")
    if mode != "constant" and mode not in _MODES:
        raise NetworkError(f"its mode {mode} is not known")
    value = place.attributes["value"] if "value" in place.attributes else place.operand(2)
    pads, axes = place.numbers(1, "pads"), place.numbers(3)
    return place.op(partial(_pad, mode=mode), place.operand(0), pads, 0.0 if value is None else value, axes)


def _pad(x: Tensor, pads: Numbers | Tensor, value: Any, axes: Numbers | Tensor | None, *, mode: str) -> Tensor:
    numbers = whole(pads)
    chosen = list(range(x.dim())) if axes is None else [int(axis) % x.dim() for axis in whole(axes)]
    begins, ends = [0] * x.dim(), [0] * x.dim()
    for number, axis in enumerate(chosen):
        begins[axis], ends[axis] = numbers[number], numbers[len(chosen) + number]
    first = next((axis for axis in range(x.dim()) if _some(begins[axis]) or _some(ends[axis])), x.dim())
    if first == x.dim():
        return x
    if mode == "constant":
        if isinstance(value, Tensor):
            value = value.item()
        return F.pad(x, pad_sides(begins[first:], ends[first:]), value=value)
    if any(isinstance(each, Tensor) for each in (*begins, *ends)):
        first = max(first, x.dim() - 2)  # while a file is traced; pictures are padded by their sides
    if first >= x.dim() - 2 and x.dim() in (3, 4) and all(_positive(each) for each in (*begins, *ends)):
        wide = pad_sides(begins[-2:], ends[-2:])
        return F.pad(x, wide[:2] if x.dim() == 3 and first == 2 else wide, mode=_MODES[mode])
    for axis in range(first, x.dim()):
        x = x.index_select(axis, _places(x.shape[axis], begins[axis], ends[axis], mode).to(x.device))
    return x


def _some(number: Any) -> bool:
    return isinstance(number, Tensor) or number != 0


def _positive(number: Any) -> bool:
    return isinstance(number, Tensor) or number >= 0


def _places(side: int, begin: int, end: int, mode: str) -> Tensor:
    """Where each place of a padded side is taken from."""
    places = torch.arange(-begin, side + end)
    if mode == "wrap":
        return places % side
    if mode == "edge":
        return places.clamp(0, side - 1)
    period = max(2 * side - 2, 1)
    places = places % period
    return torch.minimum(places, period - places) if side > 1 else places * 0
