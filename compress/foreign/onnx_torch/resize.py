"""Resize, Upsample and GridSample (https://onnx.ai/onnx/operators/onnx__Resize.html).

What torch's ``interpolate`` does in the same way goes to it; everything else is reckoned side by side, as taps: where
each new place reads, and how much of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from compress.errors import NetworkError
from compress.foreign.onnx_torch.op import Given, Made, Maker, Numbers, Place, whole

_WAYS = ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric")
_TORCH = {("linear", 1): "linear", ("linear", 2): "bilinear", ("linear", 3): "trilinear", ("cubic", 2): "bicubic"}


@dataclass(frozen=True)
class Plan:
    """What the node says. ``way``: how a new place is mapped to the old; ``nearest``: how it is rounded."""

    mode: str
    way: str = "half_pixel"
    nearest: str = "round_prefer_floor"
    cubic: float = -0.75
    exclude: bool = False
    axes: Numbers | None = None


def _resize(place: Place) -> Made:
    said = place.attributes
    old = place.opset < 11 or place.node.op == "Upsample"
    plan = Plan(
        mode=said.get("mode", "nearest"),
        way="asymmetric" if old else said.get("coordinate_transformation_mode", "half_pixel"),
        nearest="floor" if old else said.get("nearest_mode", "round_prefer_floor"),
        cubic=float(said.get("cubic_coeff_a", -0.75)), exclude=bool(said.get("exclude_outside", 0)),
        axes=tuple(said["axes"]) if "axes" in said else None,
    )  # fmt: skip
    if plan.way not in _WAYS or plan.mode not in ("nearest", "linear", "cubic"):
        raise NetworkError(f"its way to resize ({plan.mode}, {plan.way}) can't be converted")
    if said.get("antialias", 0):
        raise NetworkError("it resizes with antialias, which can't be converted; export it without")
    if said.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise NetworkError("it keeps the aspect ratio, which can't be converted; give it the size itself")
    scales, sizes = (place.constant(1) if old else place.constant(2)), place.numbers(3)
    if old and "scales" in said:
        scales = torch.tensor(said["scales"])
    number = 1 if old else 2
    if sizes is None and scales is None and place.has(number):
        return place.op(partial(_resized, plan=plan), place.operand(0), None, Given(place.node.inputs[number]))
    known = None if scales is None or not scales.numel() else tuple(scales.tolist())
    sizes = None if sizes == () else sizes
    return place.op(partial(_resized, plan=plan), place.operand(0), sizes, known)


def _resized(x: Tensor, sizes: Any, scales: Any, *, plan: Plan) -> Tensor:
    axes = list(range(x.dim())) if plan.axes is None else [axis % x.dim() for axis in plan.axes]
    if sizes is not None:
        wanted: list[Any] = list(x.shape)
        for axis, side in zip(axes, whole(sizes), strict=True):
            wanted[axis] = side
        factors = None
    else:
        given = scales.tolist() if isinstance(scales, Tensor) else list(scales)
        factors = [1.0] * x.dim()
        for axis, factor in zip(axes, given, strict=True):
            factors[axis] = float(factor)
        wanted = [_scaled(side, factor) for side, factor in zip(x.shape, factors, strict=True)]
    if _torch_has(x, wanted, factors, plan):
        return _by_torch(x, wanted, factors, plan)
    for axis in range(x.dim()):
        side, new = int(x.shape[axis]), int(wanted[axis])
        factor = factors[axis] if factors is not None else new / side
        if new != side or factor != 1.0:
            x = _along(x, axis, _taps(side, new, factor, plan))
    return x


def _scaled(side: Any, factor: float) -> Any:
    return side if factor == 1.0 else math.floor(int(side) * factor)


def _torch_has(x: Tensor, wanted: Sequence[Any], factors: Sequence[float] | None, plan: Plan) -> bool:
    """Whether ``interpolate`` does the same, sides that are traced taken for what they are now."""
    sides, new = [int(side) for side in x.shape], [int(side) for side in wanted]
    if x.dim() < 3 or sides[:2] != new[:2] or plan.exclude:
        return False
    if plan.mode == "nearest":
        steps = [new / side for side, new in zip(sides, new, strict=True)] if factors is None else factors
        return all(_nearest_is_torchs(*each, plan) for each in zip(sides[2:], new[2:], steps[2:], strict=True))
    if (plan.mode, x.dim() - 2) not in _TORCH or (plan.mode == "cubic" and plan.cubic != -0.75):
        return False
    if plan.way == "pytorch_half_pixel":
        return all(n > 1 for n in new[2:])
    return plan.way in ("half_pixel", "align_corners")


def _nearest_is_torchs(side: int, new: int, factor: float, plan: Plan) -> bool:
    """``interpolate`` takes the floor of a place's number by the step between places, in single precision."""
    ((mine, _),) = _taps(side, new, factor, plan)
    return torch.equal(mine, (torch.arange(new) * torch.tensor(1 / factor)).floor().long().clamp(max=side - 1))


def _by_torch(x: Tensor, wanted: Sequence[Any], factors: Sequence[float] | None, plan: Plan) -> Tensor:
    kind = "nearest" if plan.mode == "nearest" else _TORCH[(plan.mode, x.dim() - 2)]
    corners = None if kind == "nearest" else plan.way == "align_corners"
    if factors is not None and not corners:
        return F.interpolate(
            x, scale_factor=list(factors[2:]), mode=kind, align_corners=corners, recompute_scale_factor=False
        )
    return F.interpolate(x, size=list(wanted[2:]), mode=kind, align_corners=corners)


def _taps(side: int, new: int, factor: float, plan: Plan) -> list[tuple[Tensor, Tensor]]:
    """Where to read along a side, and the share of it, for each tap: (new,) whole numbers and floats."""
    places = torch.arange(new, dtype=torch.float32)  # as ONNX Runtime reckons, for a half is rounded one way or other
    if plan.way == "align_corners":
        at = places * (side - 1) / (side * factor - 1) if side * factor > 1 else places * 0
    elif plan.way == "asymmetric":
        at = places / factor
    elif plan.way == "pytorch_half_pixel" and new <= 1:
        at = places * 0
    else:
        at = (places + 0.5) / factor - 0.5
        if plan.way == "half_pixel_symmetric":
            at = at + side / 2 * (1 - new / (side * factor))
    if plan.mode == "nearest":
        return [(_rounded(at, plan.nearest).clamp(0, side - 1).long(), torch.ones(new))]
    if plan.mode == "linear":
        at = at.clamp(0, side - 1)
        low = at.floor()
        return [(low.long(), (1 - (at - low)).float()), ((low + 1).clamp(max=side - 1).long(), (at - low).float())]
    low = at.floor()
    shares = [_cubic((at - low) + 1 - tap, plan.cubic) for tap in range(4)]
    reads = [low - 1 + tap for tap in range(4)]
    if plan.exclude:
        shares = [share * ((read >= 0) & (read < side)) for share, read in zip(shares, reads, strict=True)]
        whole_share = sum(shares)
        shares = [share / whole_share for share in shares]
    return [(read.clamp(0, side - 1).long(), share.float()) for read, share in zip(reads, shares, strict=True)]


def _rounded(at: Tensor, how: str) -> Tensor:
    if how.startswith("round"):
        return torch.ceil(at - 0.5) if how == "round_prefer_floor" else torch.floor(at + 0.5)
    return torch.floor(at) if how == "floor" else torch.ceil(at)


def _cubic(distance: Tensor, a: float) -> Tensor:
    """Keys' kernel (Cubic Convolution Interpolation, 1981)."""
    d = distance.abs()
    near = (a + 2) * d**3 - (a + 3) * d**2 + 1
    far = a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a
    return torch.where(d <= 1, near, torch.where(d < 2, far, torch.zeros_like(d)))


def _along(x: Tensor, axis: int, taps: list[tuple[Tensor, Tensor]]) -> Tensor:
    shape = [1] * x.dim()
    shape[axis] = -1
    parts = [x.index_select(axis, read.to(x.device)) for read, _ in taps]
    if len(taps) == 1:
        return parts[0]
    shares = [share.to(x.device, x.dtype).reshape(shape) for _, share in taps]
    y = parts[0] * shares[0]
    for part, share in zip(parts[1:], shares[1:], strict=True):
        y = y + part * share
    return y


_SAMPLES = {
    "linear": "bilinear",
    "bilinear": "bilinear",
    "nearest": "nearest",
    "cubic": "bicubic",
    "bicubic": "bicubic",
}


def _grid_sample(place: Place) -> Made:
    said = place.attributes
    mode, padding = _SAMPLES[said.get("mode", "linear")], said.get("padding_mode", "zeros")
    function = partial(F.grid_sample, mode=mode, padding_mode=padding, align_corners=bool(said.get("align_corners", 0)))
    return place.op(function, place.operand(0), place.operand(1))


RESIZE: dict[str, Maker] = {"Resize": _resize, "Upsample": _resize, "GridSample": _grid_sample}
