"""Operators that go value by value: arithmetic, comparisons, activations."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial, reduce
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.errors import NetworkError
from compress.foreign.onnx_torch.op import Made, Maker, Place


def _divided(a: Any, b: Any) -> Any:
    """Whole numbers are cut off towards zero."""
    whole = all(
        not (isinstance(each, float) or (isinstance(each, Tensor) and each.is_floating_point())) for each in (a, b)
    )
    return torch.div(*_tensors(a, b), rounding_mode="trunc") if whole else a / b


def _tensors(a: Any, b: Any) -> tuple[Any, Any]:
    """Both as tensors, for functions that take no number."""
    like = a if isinstance(a, Tensor) else b
    one, other = (
        x if isinstance(x, Tensor) else torch.full((), x, dtype=like.dtype, device=like.device) for x in (a, b)
    )
    return one, other


def _largest(a: Any, b: Any) -> Any:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.maximum(a, b)
    return torch.clamp(a, min=b) if isinstance(a, Tensor) else torch.clamp(b, min=a)


def _smallest(a: Any, b: Any) -> Any:
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return torch.minimum(a, b)
    return torch.clamp(a, max=b) if isinstance(a, Tensor) else torch.clamp(b, max=a)


def _power(a: Any, b: Any) -> Any:
    kind = a.dtype if isinstance(a, Tensor) else None
    y = a**b
    return y.to(kind) if kind is not None and y.dtype != kind and not kind.is_floating_point else y


def _where(condition: Any, a: Any, b: Any) -> Any:
    condition = condition if isinstance(condition, Tensor) else torch.tensor(condition)
    return torch.where(condition, a, b)


def _modulo(a: Any, b: Any, *, like_c: bool) -> Any:
    return torch.fmod(*_tensors(a, b)) if like_c else a % b


_TWO: dict[str, Callable[[Any, Any], Any]] = {
    "Add": operator.add, "Sub": operator.sub, "Mul": operator.mul, "Div": _divided, "Pow": _power,
    "Equal": operator.eq, "Greater": operator.gt, "GreaterOrEqual": operator.ge, "Less": operator.lt,
    "LessOrEqual": operator.le, "And": operator.and_, "Or": operator.or_, "Xor": operator.xor,
}  # fmt: skip
_ONE: dict[str, Callable[[Tensor], Any]] = {
    "Relu": F.relu, "Sigmoid": torch.sigmoid, "HardSwish": F.hardswish, "Tanh": torch.tanh, "Softplus": F.softplus,
    "Softsign": F.softsign, "Mish": F.mish, "Erf": torch.erf, "Exp": torch.exp, "Log": torch.log, "Sqrt": torch.sqrt,
    "Reciprocal": torch.reciprocal, "Abs": torch.abs, "Neg": torch.neg, "Floor": torch.floor, "Ceil": torch.ceil,
    "Round": torch.round, "Sign": torch.sign, "Sin": torch.sin, "Cos": torch.cos, "Tan": torch.tan, "Atan": torch.atan,
    "Asin": torch.asin, "Acos": torch.acos, "Sinh": torch.sinh, "Cosh": torch.cosh, "Not": torch.logical_not,
    "IsNaN": torch.isnan, "IsInf": torch.isinf,
}  # fmt: skip


def _two(function: Callable[[Any, Any], Any]) -> Maker:
    return lambda place: place.op(function, place.operand(0), place.operand(1))


def _one(function: Callable[[Tensor], Any]) -> Maker:
    return lambda place: place.op(function, place.tensor(0))


def _many(function: Callable[[Any, Any], Any], mean: bool = False) -> Maker:
    """Max, Min, Sum and Mean take any number of operands."""

    def make(place: Place) -> Made:
        operands = [place.operand(number) for number in range(len(place.node.inputs))]
        return place.op(partial(_in_turn, function, mean), *operands)

    return make


def _in_turn(function: Callable[[Any, Any], Any], mean: bool, *values: Any) -> Any:
    y = reduce(function, values)
    return y / len(values) if mean else y


def _same(x: Tensor) -> Tensor:
    return x


def _activation(place: Place) -> Made:
    """One of torch's own modules, with the attributes' values."""
    return Made(_ACTIVATIONS[place.node.op](lambda name, default: float(place.attributes.get(name, default))),
                place.node.inputs[:1])  # fmt: skip


Said = Callable[[str, float], float]
_ACTIVATIONS: dict[str, Callable[[Said], nn.Module]] = {
    "LeakyRelu": lambda said: nn.LeakyReLU(said("alpha", 0.01)),
    "Elu": lambda said: nn.ELU(said("alpha", 1.0)),
    "Celu": lambda said: nn.CELU(said("alpha", 1.0)),
    "ThresholdedRelu": lambda said: nn.Threshold(said("alpha", 1.0), 0.0),
}


def _hard_sigmoid(place: Place) -> Made:
    alpha, beta = float(place.attributes.get("alpha", 0.2)), float(place.attributes.get("beta", 0.5))
    if math.isclose(alpha, 1 / 6, rel_tol=1e-6) and beta == 0.5:
        return Made(nn.Hardsigmoid(), place.node.inputs[:1])
    return place.op(partial(_ramp, alpha=alpha, beta=beta), place.operand(0))


def _ramp(x: Tensor, *, alpha: float, beta: float) -> Tensor:
    return torch.clamp(x * alpha + beta, 0.0, 1.0)


_SELU = (1.67326319217681884765625, 1.05070102214813232421875)


def _selu(place: Place) -> Made:
    alpha, gamma = float(place.attributes.get("alpha", _SELU[0])), float(place.attributes.get("gamma", _SELU[1]))
    if math.isclose(alpha, _SELU[0], rel_tol=1e-6) and math.isclose(gamma, _SELU[1], rel_tol=1e-6):
        return Made(nn.SELU(), place.node.inputs[:1])
    return place.op(partial(_scaled_elu, alpha=alpha, gamma=gamma), place.operand(0))


def _scaled_elu(x: Tensor, *, alpha: float, gamma: float) -> Tensor:
    return F.elu(x, alpha) * gamma


def _gelu(place: Place) -> Made:
    return Made(nn.GELU(place.attributes.get("approximate", "none")), place.node.inputs[:1])


def _clip(place: Place) -> Made:
    """Bounds from attributes before opset 11, then from inputs."""
    bounds = [place.attributes.get(name, place.operand(number)) for number, name in ((1, "min"), (2, "max"))]
    return place.op(_clamped, place.operand(0), *bounds)


def _clamped(x: Tensor, low: Any, high: Any) -> Tensor:
    if low is None and high is None:
        return x
    if isinstance(low, Tensor) != isinstance(high, Tensor) and low is not None and high is not None:
        low, high = (x.new_tensor(each) if not isinstance(each, Tensor) else each for each in (low, high))
    return torch.clamp(x, low, high)


_KINDS = {
    1: torch.float32, 2: torch.uint8, 3: torch.int8, 5: torch.int16, 6: torch.int32, 7: torch.int64, 9: torch.bool,
    10: torch.float32, 11: torch.float64, 16: torch.float32,
}  # fmt: skip


def _cast(place: Place) -> Made:
    kind = place.attributes["to"]
    if kind not in _KINDS:
        raise NetworkError(f"it asks for the type {kind} of ONNX, which can't be converted")
    return place.op(partial(_as_kind, kind=_KINDS[kind]), place.tensor(0))


def _as_kind(x: Tensor, *, kind: torch.dtype) -> Tensor:
    """Between kinds of floats nothing is done: the network computes in the picture's."""
    return x if kind.is_floating_point and x.is_floating_point() else x.to(kind)


def _cast_like(place: Place) -> Made:
    return place.op(_as_other, place.tensor(0), place.tensor(1))


def _as_other(x: Tensor, other: Tensor) -> Tensor:
    return _as_kind(x, kind=other.dtype)


def _mod(place: Place) -> Made:
    return place.op(partial(_modulo, like_c=bool(place.attributes.get("fmod", 0))), place.operand(0), place.operand(1))


ELEMENTWISE: dict[str, Maker] = {
    **{op: _two(function) for op, function in _TWO.items()},
    **{op: _one(function) for op, function in _ONE.items()},
    **dict.fromkeys(_ACTIVATIONS, _activation),
    "Identity": _one(_same), "Dropout": _one(_same), "HardSigmoid": _hard_sigmoid, "Selu": _selu, "Gelu": _gelu,
    "Clip": _clip, "Cast": _cast, "CastLike": _cast_like, "Mod": _mod,
    "Max": _many(_largest), "Min": _many(_smallest), "Sum": _many(operator.add), "Mean": _many(operator.add, mean=True),
    "Where": lambda place: place.op(_where, place.operand(0), place.operand(1), place.operand(2)),
}  # fmt: skip
