"""Operators that move values about, and those that reckon with shapes."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from compress.foreign.onnx_torch.op import Given, Made, Maker, Numbers, Place, tracing, whole
from compress.foreign.onnx_torch.padding import pad


def _shape_of(place: Place) -> Made:
    start, end = place.attributes.get("start", 0), place.attributes.get("end")
    return place.op(partial(_sides, start=start, end=end), Given(place.node.inputs[0]))


def _sides(x: Tensor, *, start: int, end: int | None) -> Tensor:
    sides = torch._shape_as_tensor(x) if tracing() else _as_tensor(x)
    return sides[start:end]


def _as_tensor(x: Tensor) -> Tensor:
    device = x.device if x.device.type != "meta" else torch.device("cpu")  # a shape that is settled while converting
    return torch.tensor(x.shape, dtype=torch.int64, device=device)


def _size(x: Tensor) -> Tensor:
    return _sides(x, start=0, end=None).prod()


def _reshape(x: Tensor, shape: Numbers | Tensor, *, zero_copies: bool) -> Tensor:
    wanted = whole(shape)
    if zero_copies:
        wanted = [x.shape[n] if isinstance(side, int) and side == 0 else side for n, side in enumerate(wanted)]
    return x.reshape(wanted)


def _flatten(x: Tensor, *, axis: int) -> Tensor:
    axis = axis + x.dim() if axis < 0 else axis
    if axis == 0:
        return x.reshape(1, -1)
    return x.flatten(1) if axis == 1 else x.reshape(*[x.shape[:axis].numel(), -1])


def _squeeze(x: Tensor, axes: Numbers | Tensor | None) -> Tensor:
    if axes is None:
        return x.squeeze()
    for axis in sorted((int(each) % x.dim() for each in whole(axes)), reverse=True):
        x = x.squeeze(axis)
    return x


def _unsqueeze(x: Tensor, axes: Numbers | Tensor) -> Tensor:
    numbers = [int(each) for each in whole(axes)]
    for axis in sorted(each % (x.dim() + len(numbers)) for each in numbers):
        x = x.unsqueeze(axis)
    return x


def _expand(x: Tensor, shape: Numbers | Tensor) -> Tensor:
    """To the shape or, where that has a one, to its own side."""
    wanted = whole(shape)
    if any(isinstance(side, Tensor) for side in wanted) and x.dim() <= len(wanted):
        own = [1] * (len(wanted) - x.dim()) + list(x.shape)
        return x.expand([w if _is_one(o) else o for w, o in zip(wanted, own, strict=True)])
    return x.expand(torch.broadcast_shapes(tuple(wanted), x.shape))


def _is_one(side: Any) -> bool:
    return int(side) == 1


def _tile(x: Tensor, repeats: Numbers | Tensor) -> Tensor:
    return x.repeat(whole(repeats))


def _gather(x: Tensor, at: Any, *, axis: int) -> Tensor:
    if not isinstance(at, Tensor):
        return x.select(axis, at)
    if at.dim() == 0 and not tracing():
        return x.select(axis, int(at))
    at = torch.where(at < 0, at + x.shape[axis], at)
    axis = axis % x.dim()
    if at.dim() == 0:
        return x.index_select(axis, at.reshape(1)).squeeze(axis)
    if at.dim() == 1:
        return x.index_select(axis, at)
    return x.index_select(axis, at.reshape(-1)).reshape(*x.shape[:axis], *at.shape, *x.shape[axis + 1 :])


def _gather_elements(x: Tensor, at: Tensor, *, axis: int) -> Tensor:
    return torch.gather(x, axis, torch.where(at < 0, at + x.shape[axis], at))


def _concat(*values: Any, axis: int) -> Tensor:
    return torch.cat(values, axis)


_TO_THE_END = (2**31 - 1, 2**63 - 1)
"""What ONNX Runtime takes for the end of a side, whichever way it is gone through."""


def _backwards(size: int, first: int, last: int, step: int) -> list[int]:
    """The places of a side that a negative step goes through, both ends kept within the side as ONNX says."""
    first = min(max(first + size if first < 0 else first, 0), size - 1)
    last = -1 if last in _TO_THE_END else min(max(last + size if last < 0 else last, -1), size - 1)
    return list(range(first, last, step))


def _not_too_low(place: Any) -> Any:
    """torch warns of the lowest numbers there are."""
    return place if isinstance(place, Tensor) else max(place, -(2**62))


def _slice(x: Tensor, starts: Any, ends: Any, axes: Any, steps: Any) -> Tensor:
    begin, end = whole(starts), whole(ends)
    along = list(range(len(begin))) if axes is None else [int(axis) % x.dim() for axis in whole(axes)]
    by = [1] * len(begin) if steps is None else [int(step) for step in whole(steps)]
    cut: list[slice] = [slice(None)] * x.dim()
    for axis, first, last, step in zip(along, begin, end, by, strict=True):
        if step > 0:
            cut[axis] = slice(_not_too_low(first), _not_too_low(last), None if step == 1 else step)
            continue
        size = int(x.shape[axis])
        places = _backwards(size, int(first), int(last), step)
        if places == list(range(size))[::-1]:
            x = x.flip(axis)
        else:
            x = x.index_select(axis, torch.tensor(places, dtype=torch.int64, device=x.device))
    return x if all(each == slice(None) for each in cut) else x[tuple(cut)]


def _slice_maker(place: Place) -> Made:
    if "starts" in place.attributes:
        axes = place.numbers(3, "axes")
        return place.op(_slice, place.operand(0), place.numbers(1, "starts"), place.numbers(2, "ends"), axes, None)
    return place.op(_slice, place.operand(0), *(place.numbers(number) for number in (1, 2, 3, 4)))


def _split_maker(place: Place) -> Made:
    axis, count = place.attributes.get("axis", 0), len([name for name in place.node.outputs if name])
    parts = place.numbers(1, "split")
    return place.op(
        partial(_split, axis=axis, count=place.attributes.get("num_outputs", count)), place.operand(0), parts
    )


def _split(x: Tensor, parts: Any, *, axis: int, count: int) -> tuple[Tensor, ...]:
    if parts is None:
        return x.chunk(count, axis) if count > 1 else (x,)
    numbers = whole(parts)
    return torch.split(x, numbers, axis) if len(set(numbers)) > 1 or len(numbers) == 1 else x.chunk(len(numbers), axis)


def _transpose_maker(place: Place) -> Made:
    return place.op(partial(_transpose, order=place.attributes.get("perm")), place.operand(0))


def _transpose(x: Tensor, *, order: list[int] | None) -> Tensor:
    return x.permute(order if order is not None else list(range(x.dim()))[::-1])


def _filled_maker(place: Place) -> Made:
    value = place.attributes.get("value")
    value = torch.zeros(1) if value is None else value.reshape(1)
    return place.op(partial(_filled, value=value.item(), kind=value.dtype), place.numbers(0))


def _filled(shape: Numbers | Tensor, *, value: Any, kind: torch.dtype) -> Tensor:
    device = shape.device if isinstance(shape, Tensor) else None
    return torch.full(whole(shape), value, dtype=kind, device=device)


def _range(start: Any, end: Any, step: Any) -> Tensor:
    first = next((each for each in (start, end, step) if isinstance(each, Tensor)), None)
    kind, device = (first.dtype, first.device) if first is not None else (None, None)
    if tracing():
        return torch.arange(start, end, step, dtype=kind, device=device)
    numbers = (each.item() if isinstance(each, Tensor) else each for each in (start, end, step))
    return torch.arange(*numbers, dtype=kind, device=device)


def _depth_to_space(x: Tensor, *, block: int, mode: str) -> Tensor:
    if mode == "CRD":
        return F.pixel_shuffle(x, block)
    n, c, h, w = x.shape
    y = x.reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return y.reshape(n, c // block**2, h * block, w * block)


def _space_to_depth(x: Tensor, *, block: int) -> Tensor:
    n, c, h, w = x.shape
    y = x.reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return y.reshape(n, c * block**2, h // block, w // block)


def _depth_to_space_maker(place: Place) -> Made:
    said = place.attributes
    return place.op(partial(_depth_to_space, block=said["blocksize"], mode=said.get("mode", "DCR")), place.operand(0))


def _einsum_maker(place: Place) -> Made:
    operands = [place.operand(number) for number in range(len(place.node.inputs))]
    return place.op(partial(torch.einsum, place.attributes["equation"]), *operands)


def _concat_maker(place: Place) -> Made:
    operands = [place.tensor(number) for number in range(len(place.node.inputs))]
    return place.op(partial(_concat, axis=place.attributes["axis"]), *operands)


def _gather_maker(place: Place) -> Made:
    at: Any = place.constant(1)
    if at is None:
        at = place.operand(1)
    elif at.dim() == 0:
        at = int(at)
    return place.op(partial(_gather, axis=place.attributes.get("axis", 0)), place.tensor(0), at)


def _gather_elements_maker(place: Place) -> Made:
    return place.op(partial(_gather_elements, axis=place.attributes.get("axis", 0)), place.tensor(0), place.tensor(1))


def _reshape_maker(place: Place) -> Made:
    copies = not place.attributes.get("allowzero", 0)
    return place.op(partial(_reshape, zero_copies=copies), place.tensor(0), place.numbers(1))


SHAPES: dict[str, Maker] = {
    "Shape": _shape_of, "Size": lambda place: place.op(_size, place.tensor(0)), "Reshape": _reshape_maker,
    "Flatten": lambda place: place.op(partial(_flatten, axis=place.attributes.get("axis", 1)), place.tensor(0)),
    "Squeeze": lambda place: place.op(_squeeze, place.tensor(0), place.numbers(1, "axes")),
    "Unsqueeze": lambda place: place.op(_unsqueeze, place.tensor(0), place.numbers(1, "axes")),
    "Expand": lambda place: place.op(_expand, place.tensor(0), place.numbers(1)),
    "Tile": lambda place: place.op(_tile, place.tensor(0), place.numbers(1)),
    "Gather": _gather_maker, "GatherElements": _gather_elements_maker, "Concat": _concat_maker,
    "Slice": _slice_maker, "Split": _split_maker, "Transpose": _transpose_maker, "ConstantOfShape": _filled_maker,
    "Range": lambda place: place.op(_range, place.operand(0), place.operand(1), place.operand(2)),
    "DepthToSpace": _depth_to_space_maker,
    "SpaceToDepth": lambda place: place.op(
        partial(_space_to_depth, block=place.attributes["blocksize"]), place.operand(0)
    ),
    "Einsum": _einsum_maker, "Pad": pad,
}  # fmt: skip
