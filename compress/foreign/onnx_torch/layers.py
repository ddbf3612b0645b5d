"""Operators with weights, as torch's own layers: convolutions, linear layers, norms, PReLU."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from compress.errors import NetworkError
from compress.foreign.onnx_torch.op import Made, Place
from compress.foreign.onnx_torch.padding import window_pads

_CONVOLUTIONS: dict[int, type[nn.Module]] = {3: nn.Conv1d, 4: nn.Conv2d, 5: nn.Conv3d}
_TRANSPOSED: dict[int, type[nn.Module]] = {3: nn.ConvTranspose1d, 4: nn.ConvTranspose2d, 5: nn.ConvTranspose3d}
_BATCH_NORMS: dict[int, type[nn.Module]] = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
_INSTANCE_NORMS: dict[int, type[nn.Module]] = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d}


class Padded(nn.Module):
    """A layer behind zeros (or another value) on each side, where its own padding can't say them.

    ``pads``: in the order of F.pad, or a function of the input's shape that gives them.
    """

    def __init__(self, layer: nn.Module, pads: Any, value: float = 0.0) -> None:
        super().__init__()
        self.layer, self.pads, self.value = layer, pads, value

    def forward(self, x: Tensor) -> Any:
        """The layer's answer to the wider ``x``."""
        pads = self.pads(x.shape[2:]) if callable(self.pads) else self.pads
        return self.layer(F.pad(x, pads, value=self.value))


class Cropped(nn.Module):
    """A transposed convolution without padding, cut to size. ``pads`` and ``sides`` as ONNX defines them."""

    def __init__(self, layer: nn.Module, cut: Any) -> None:
        super().__init__()
        self.layer, self.cut = layer, cut

    def forward(self, x: Tensor) -> Any:
        """``cut`` gives, for each side, begin and end of what is kept."""
        y = self.layer(x)
        kept = self.cut(x.shape[2:], y.shape[2:])
        return y[(slice(None), slice(None), *(slice(begin, end) for begin, end in kept))]


def _parameter(place: Place, number: int, form: str = "", change: Any = None) -> nn.Parameter | None:
    """The constant as a parameter, the same one for each layer that has it in this form."""
    constant = place.constant(number)
    if constant is None:
        return None
    key = (place.node.inputs[number], form)
    if key not in place.parameters:
        values = constant if change is None else change(constant)
        place.parameters[key] = nn.Parameter(values.contiguous())
    return place.parameters[key]


def _fill(layer: Any, weight: nn.Parameter | None, bias: nn.Parameter | None) -> Any:
    """A layer made on the meta device, with the file's own tensors."""
    layer.weight, layer.bias = weight, bias
    return layer


def _key(place: Place, *weights: int) -> tuple[Any, ...]:
    names = tuple(place.node.inputs[number] if place.has(number) else "" for number in weights)
    said = sorted((name, str(value)) for name, value in place.attributes.items())
    return (place.node.op, names, tuple(said))


def _known(place: Place, *numbers: int) -> None:
    """Raises NetworkError where a weight is not in the file but comes out of the network."""
    for number in numbers:
        if place.has(number) and place.constant(number) is None:
            raise NetworkError(
                f"its weight '{place.node.inputs[number]}' is computed; export the network with constants"
            )


def conv(place: Place) -> Made:
    """Conv. Raises NetworkError for computed weights other than of a plain convolution."""
    _known(place, 2)
    shape, group = place.shape(1), place.attributes.get("group", 1)
    if place.constant(1) is None or shape is None:
        return _functional_conv(place)
    kernel = list(place.constant(1).shape[2:])  # type: ignore[union-attr]
    stride = place.attributes.get("strides", [1] * len(kernel))
    dilation = place.attributes.get("dilations", [1] * len(kernel))
    own, outside = window_pads(place.attributes, kernel, stride, dilation)
    out, inner = place.constant(1).shape[:2]  # type: ignore[union-attr]
    layer = _CONVOLUTIONS[len(kernel) + 2](
        inner * group, out, kernel, stride, own, dilation, group, bias=place.has(2), device="meta"
    )
    _fill(layer, _parameter(place, 1), _parameter(place, 2))
    key = _key(place, 1, 2)
    return Made(layer if outside is None else Padded(layer, outside), place.node.inputs[:1], key)


def _functional_conv(place: Place) -> Made:
    kernel = place.attributes.get("kernel_shape") or list((place.shape(1) or ())[2:])
    if len(kernel) != 2 or None in kernel:
        raise NetworkError("its computed weight is of unknown size; export the network with constants")
    stride, dilation = place.attributes.get("strides", [1, 1]), place.attributes.get("dilations", [1, 1])
    own, outside = window_pads(place.attributes, kernel, stride, dilation)
    if outside is not None:
        raise NetworkError("its computed weight is padded unevenly; export the network with constants")
    group = place.attributes.get("group", 1)
    function = partial(F.conv2d, stride=stride, padding=own, dilation=dilation, groups=group)
    return place.op(function, place.operand(0), place.operand(1), place.operand(2))


def conv_transpose(place: Place) -> Made:
    """ConvTranspose: without padding and then cut, where torch's own padding can't say what is asked."""
    _known(place, 1, 2)
    weight, said = place.constant(1), place.attributes
    assert weight is not None
    kernel, group = list(weight.shape[2:]), said.get("group", 1)
    sides = len(kernel)
    stride, dilation = said.get("strides", [1] * sides), said.get("dilations", [1] * sides)
    extra = said.get("output_padding", [0] * sides)
    pads = said.get("pads", [0] * 2 * sides)
    auto = said.get("auto_pad", "NOTSET")
    wanted = said.get("output_shape")
    even = pads[:sides] == pads[sides:] and auto in ("NOTSET", "VALID") and wanted is None
    fits = all(e == 0 or e < max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True))
    pads = [0] * 2 * sides if auto == "VALID" else pads
    own = even and fits
    layer = _TRANSPOSED[sides + 2](
        weight.shape[0], weight.shape[1] * group, kernel, stride, pads[:sides] if own else 0, extra if own else 0,
        group, place.has(2), dilation, device="meta",
    )  # fmt: skip
    _fill(layer, _parameter(place, 1), _parameter(place, 2))
    if own:
        return Made(layer, place.node.inputs[:1], _key(place, 1, 2))
    if not fits or (any(extra) and place.has(2)):
        raise NetworkError("its output_padding is none that torch has")
    cut = partial(_cut, stride=stride, extra=extra, pads=pads, auto=auto, wanted=wanted)
    return Made(Cropped(layer, cut), place.node.inputs[:1], _key(place, 1, 2))


def _cut(given: Any, whole: Any, *, stride: Any, extra: Any, pads: Any, auto: str, wanted: Any) -> list[Any]:
    """Begin and end of what is kept of each side of ``whole``."""
    kept = []
    for number, (old, full) in enumerate(zip(given, whole, strict=True)):
        if wanted is not None or auto.startswith("SAME"):
            side = wanted[number] if wanted is not None else old * stride[number]
            surplus = full + extra[number] - side
            begin = surplus - surplus // 2 if auto == "SAME_LOWER" else surplus // 2
        else:
            begin, side = pads[number], full + extra[number] - pads[number] - pads[len(stride) + number]
        kept.append((begin, begin + side))
    return kept


def gemm(place: Place) -> Made:
    """Gemm with constant weights as Linear, with alpha and beta in its weights; else as written."""
    said = place.attributes
    alpha, beta = float(said.get("alpha", 1.0)), float(said.get("beta", 1.0))
    bias = place.constant(2)
    plain = not said.get("transA", 0) and place.constant(1) is not None
    if not plain or (place.has(2) and (bias is None or bias.dim() != 1)):
        return place.op(
            partial(_gemm, alpha=alpha, beta=beta, first=said.get("transA", 0), second=said.get("transB", 0)),
            place.operand(0), place.operand(1), place.operand(2),
        )  # fmt: skip
    across = not said.get("transB", 0)
    weight = _parameter(
        place, 1, f"{across} {alpha}", lambda w: (w.t() if across else w) * alpha if alpha != 1 or across else w
    )
    assert weight is not None
    held = _parameter(place, 2, f"{beta} {len(weight)}", lambda b: (b * beta if beta != 1 else b).expand(len(weight)))
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=held is not None, device="meta")
    return Made(_fill(layer, weight, held), place.node.inputs[:1], _key(place, 1, 2))


def _gemm(a: Tensor, b: Tensor, c: Any, *, alpha: float, beta: float, first: int, second: int) -> Tensor:
    product = (a.t() if first else a) @ (b.t() if second else b) * alpha
    return product if c is None else product + c * beta


def matmul(place: Place) -> Made:
    """MatMul; by a constant matrix as Linear, with the bias of an addition that was joined to it (``joining``)."""
    weight = place.constant(1)
    if weight is None or weight.dim() != 2 or place.rank() < 2:
        return place.op(torch.matmul, place.operand(0), place.operand(1))
    turned = _parameter(place, 1, "turned", lambda w: w.t())
    layer = nn.Linear(weight.shape[0], weight.shape[1], bias=place.has(2), device="meta")
    return Made(_fill(layer, turned, _parameter(place, 2)), place.node.inputs[:1], _key(place, 1, 2))


def batch_norm(place: Place) -> Made:
    """BatchNormalization as it is after training."""
    if place.attributes.get("training_mode", 0):
        raise NetworkError("it is in training mode; export the network in eval mode")
    _known(place, 1, 2, 3, 4)
    mean, variance = place.constant(3), place.constant(4)
    assert mean is not None and variance is not None
    momentum = 1.0 - float(place.attributes.get("momentum", 0.9))
    eps = float(place.attributes.get("epsilon", 1e-5))
    layer: Any = _BATCH_NORMS[place.rank()](len(mean), eps=eps, momentum=momentum)
    _fill(layer, _parameter(place, 1), _parameter(place, 2))
    layer.running_mean, layer.running_var = mean, variance
    return Made(layer, place.node.inputs[:1], _key(place, 1, 2, 3, 4))


def instance_norm(place: Place) -> Made:
    """InstanceNormalization."""
    _known(place, 1, 2)
    eps = float(place.attributes.get("epsilon", 1e-5))
    scale = _parameter(place, 1)
    assert scale is not None
    layer = _INSTANCE_NORMS[place.rank()](len(scale), eps=eps, affine=True, device="meta")
    return Made(_fill(layer, scale, _parameter(place, 2)), place.node.inputs[:1], _key(place, 1, 2))


def layer_norm(place: Place) -> Made:
    """LayerNormalization over the last sides."""
    if any(place.node.outputs[1:]):
        raise NetworkError("its mean is asked for; export the network for inference")
    _known(place, 1, 2)
    eps = float(place.attributes.get("epsilon", 1e-5))
    axis, shape = place.attributes.get("axis", -1), place.shape(0)
    scale, bias = place.constant(1), place.constant(2)
    assert scale is not None
    sides = -axis if axis < 0 else place.rank() - axis
    own = shape is not None and tuple(scale.shape) == shape[-sides:]
    whole = own or (scale.dim() == sides and all(side > 1 for side in scale.shape))  # else it may be spread over a side
    if whole and (bias is None or bias.shape == scale.shape):
        layer = nn.LayerNorm(list(scale.shape), eps=eps, device="meta")
        held = _parameter(place, 2) if place.has(2) else None
        return Made(_fill(layer, _parameter(place, 1), held), place.node.inputs[:1], _key(place, 1, 2))
    if shape is None:
        raise NetworkError("its shape is not known; export the network with shapes")
    return place.op(partial(_layer_norm, eps=eps, sides=sides), place.operand(0), place.operand(1), place.operand(2))


def _layer_norm(x: Tensor, scale: Any, bias: Any, *, eps: float, sides: int) -> Tensor:
    y: Tensor = F.layer_norm(x, list(x.shape[-sides:]), eps=eps) * scale
    return y if bias is None else y + bias


def group_norm(place: Place) -> Made:
    """GroupNormalization: scale and bias for each group before opset 21, for each channel since."""
    _known(place, 1, 2)
    groups, shape = place.attributes["num_groups"], place.shape(0)
    scale = place.constant(1)
    assert scale is not None
    channels = len(scale) if place.opset >= 21 else (shape[1] if shape else None)
    if channels is None:
        raise NetworkError("its number of channels is not known; export the network with shapes")
    each = channels // len(scale)
    eps = float(place.attributes.get("epsilon", 1e-5))
    layer = nn.GroupNorm(groups, channels, eps=eps, device="meta")
    weight = _parameter(place, 1, f"{each}", lambda w: w.repeat_interleave(each) if each > 1 else w)
    bias = _parameter(place, 2, f"{each}", lambda b: b.repeat_interleave(each) if each > 1 else b)
    return Made(_fill(layer, weight, bias), place.node.inputs[:1], _key(place, 1, 2))


def prelu(place: Place) -> Made:
    """PRelu: torch's own for one slope or one for each channel, else as it is defined."""
    slope, shape = place.constant(1), place.shape(0)
    rank = place.rank()
    channels = (
        slope is not None and slope.dim() in (rank - 1, rank) and slope.numel() == slope.shape[slope.dim() - rank + 1]
    )
    if slope is not None and (slope.numel() == 1 or (channels and rank > 1 and shape is not None)):
        weight = _parameter(place, 1, "flat", lambda w: w.reshape(-1))
        layer: Any = nn.PReLU(slope.numel(), device="meta")
        layer.weight = weight
        return Made(layer, place.node.inputs[:1], _key(place, 1))
    return place.op(_prelu, place.operand(0), place.operand(1))


def _prelu(x: Tensor, slope: Any) -> Tensor:
    y: Tensor = F.relu(x) - F.relu(-x) * slope
    return y
