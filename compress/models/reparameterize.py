"""Convolutions trained as several branches and shipped as one.

Branches side by side train better than the one convolution that they add up to (RepVGG, Ding et al., CVPR 2021;
with a widening branch, ECBSR, Zhang et al., ACM MM 2021). ``collapse`` makes that one convolution, equal but for
the order of float sums. It belongs before quantization-aware training: a scale trained for each branch has no
counterpart in the sum, and each branch would cost the device a layer. ``branched`` gives a plain network its
branches, for training; ``centred`` gives one the convolutions that see their input around zero, ``normed`` those that
have a BatchNorm behind them.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Branches(nn.Module):
    """(N, inside, H, W) to (N, outside, H / stride, W / stride): 3x3, 1x1, widening and identity branches, summed.

    ``norm``: BatchNorm behind each branch. ``widen``: factor of a branch that goes through ``widen * inside``
    channels (1x1, then 3x3), 0 for none. The identity is there where channels and size stay as they are; without
    a norm it has a learned factor for each channel. ``dilation``: of the 3x3 branches.
    """

    def __init__(
        self, inside: int, outside: int, stride: int = 1, norm: bool = True, widen: int = 0, dilation: int = 1
    ) -> None:
        super().__init__()
        self.stride, self.dilation = stride, dilation
        self.full = nn.Conv2d(inside, outside, 3, stride, dilation, dilation)
        self.point = nn.Conv2d(inside, outside, 1, stride)
        self.widening = nn.Conv2d(inside, widen * inside, 1, bias=False) if widen else None
        self.narrowing = nn.Conv2d(widen * inside, outside, 3, stride, dilation, dilation) if widen else None
        self.identity = inside == outside and stride == 1
        self.norms = nn.ModuleDict({name: nn.BatchNorm2d(outside) for name in self._names()} if norm else {})
        self.factor = nn.Parameter(torch.ones(outside)) if self.identity and not norm else None

    @classmethod
    def around(cls, plain: nn.Conv2d) -> Branches:
        """Branches without norms that answer as ``plain`` does, until they are trained."""
        made = cls(plain.in_channels, plain.out_channels, plain.stride[0], norm=False, dilation=plain.dilation[0])
        made.full.load_state_dict(plain.state_dict())
        with torch.no_grad():
            for rest in (*made.point.parameters(), *(() if made.factor is None else (made.factor,))):
                rest.zero_()
        return made

    def forward(self, x: Tensor) -> Tensor:
        branches = {"full": self.full(x), "point": self.point(x)}
        if self.widening is not None and self.narrowing is not None:
            branches["narrowing"] = self.narrowing(self.widening(x))
        if self.identity:
            branches["identity"] = x if self.factor is None else x * self.factor[:, None, None]
        parts = [self.norms[name](part) if self.norms else part for name, part in branches.items()]
        return torch.stack(parts).sum(0)

    def collapsed(self) -> nn.Conv2d:
        """The one convolution that this module is in eval mode, on the same device and in the same type."""
        outside, inside = self.full.weight.shape[:2]
        one = nn.Conv2d(inside, outside, 3, self.stride, self.dilation, self.dilation).to(self.full.weight)
        with torch.no_grad():
            parts = [self._as_full(name) for name in self._names()]
            one.weight.copy_(torch.stack([weight for weight, _ in parts]).sum(0))
            assert one.bias is not None
            one.bias.copy_(torch.stack([bias for _, bias in parts]).sum(0))
        return one

    def _names(self) -> list[str]:
        widened = ["narrowing"] if self.narrowing is not None else []
        return ["full", "point", *widened, *(["identity"] if self.identity else [])]

    def _as_full(self, name: str) -> tuple[Tensor, Tensor]:
        """Weight (outside, inside, 3, 3) and bias of a branch in double precision, its norm folded in."""
        weight, bias = self._branch(name)
        if self.norms:
            norm = self.norms[name]
            assert isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None and norm.running_mean is not None
            factor = norm.weight.double() / torch.sqrt(norm.running_var.double() + norm.eps)
            weight = weight * factor[:, None, None, None]
            bias = (bias - norm.running_mean.double()) * factor + norm.bias.double()
        return weight, bias

    def _branch(self, name: str) -> tuple[Tensor, Tensor]:
        outside, inside = self.full.weight.shape[:2]
        if name == "identity":
            point = torch.eye(outside, dtype=torch.float64, device=self.full.weight.device)[:, :, None, None]
            if self.factor is not None:
                point = point * self.factor.double()[:, None, None, None]
            return nn.functional.pad(point, (1, 1, 1, 1)), point.new_zeros(outside)
        layer = self.get_submodule(name)
        assert isinstance(layer, nn.Conv2d) and layer.bias is not None
        weight, bias = layer.weight.double(), layer.bias.double()
        if name == "point":
            weight = nn.functional.pad(weight, (1, 1, 1, 1))
        elif name == "narrowing":  # the first has no bias, so the second's padding with zeros is the sum's own
            assert self.widening is not None
            weight = torch.einsum("owyx,wi->oiyx", weight, self.widening.weight.double()[:, :, 0, 0])
        return weight, bias


class Centred(nn.Module):
    """A convolution that learns as if its input, whose mean is near ``level``, lay around zero.

    Inputs that are all above zero pull the weights of a channel one way together, and a few steps at a high rate put it
    below zero everywhere, where ReLU gives it no gradient any more (LeCun et al., "Efficient BackProp", 1998, section
    4.3; what it did here: ADR 0016). The level goes into the bias, so that what ships is a plain convolution.
    """

    def __init__(self, plain: nn.Conv2d, level: float) -> None:
        super().__init__()
        self.plain, self.level = plain, level

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.plain._conv_forward(x, self.plain.weight, self._bias())
        return y

    def collapsed(self) -> nn.Conv2d:
        """The one convolution that this module is."""
        one: nn.Conv2d = copy.deepcopy(self.plain)
        assert one.bias is not None
        with torch.no_grad():
            one.bias.copy_(self._bias())
        return one

    def _bias(self) -> Tensor:
        assert self.plain.bias is not None
        return self.plain.bias - self.level * self.plain.weight.sum((1, 2, 3))


class Normed(nn.Module):
    """A convolution that learns with a BatchNorm behind it (Ioffe & Szegedy, ICML 2015), which ships folded in."""

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        self.plain, self.norm = plain, nn.BatchNorm2d(plain.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(self.plain(x))
        return y

    def collapsed(self) -> nn.Conv2d:
        """The one convolution that this module is in eval mode."""
        one: nn.Conv2d = fuse_conv_bn_eval(copy.deepcopy(self.plain).eval(), copy.deepcopy(self.norm).eval())
        return one


def normed(net: nn.Module) -> nn.Module:
    """A copy of ``net`` for training: ``Normed`` where its ``normed`` (names of convolutions) says so."""
    wide: nn.Module = copy.deepcopy(net)
    names: tuple[str, ...] = getattr(net, "normed", ())
    for name in names:
        plain = wide.get_submodule(name)
        assert isinstance(plain, nn.Conv2d)
        wide.set_submodule(name, Normed(plain))
    return wide


def centred(net: nn.Module) -> nn.Module:
    """A copy of ``net`` for training: ``Centred`` where its ``fed_around`` (names of convolutions, levels) says so."""
    wide: nn.Module = copy.deepcopy(net)
    levels: dict[str, float] = getattr(net, "fed_around", {})
    for name, level in levels.items():
        plain = wide.get_submodule(name)
        assert isinstance(plain, nn.Conv2d)
        wide.set_submodule(name, Centred(plain, level))
    return wide


def branched(net: nn.Module) -> nn.Module:
    """A copy of ``net`` that answers the same, each 3x3 convolution as 3x3, 1x1 and identity branches for training.

    Convolutions in groups, without a bias or with another padding than half their reach stay as they are.
    """
    wide: nn.Module = copy.deepcopy(net)
    for name, module in list(wide.named_modules()):
        if isinstance(module, nn.Conv2d) and _can_branch(module):
            wide.set_submodule(name, Branches.around(module).train(module.training))
    return wide


def _can_branch(conv: nn.Conv2d) -> bool:
    square = all(side[0] == side[1] for side in (conv.stride, conv.dilation))
    halves = conv.padding == conv.dilation and conv.padding_mode == "zeros"
    return conv.kernel_size == (3, 3) and square and halves and conv.groups == 1 and conv.bias is not None


def collapse(net: nn.Module) -> nn.Module:
    """A copy of ``net`` in eval mode: what stands in for a Conv2d is one again, a BatchNorm behind one folded in.

    Only a norm that follows its convolution directly in a Sequential is folded: elsewhere the order is the
    business of some ``forward``, which can't be read here.
    """
    plain: nn.Module = copy.deepcopy(net).eval()
    if isinstance(plain, Branches | Centred | Normed):
        return plain.collapsed().eval()
    for name, module in list(plain.named_modules()):
        if isinstance(module, Branches | Centred | Normed):
            plain.set_submodule(name, module.collapsed().eval())
    for module in plain.modules():
        if isinstance(module, nn.Sequential):
            _fold_norms(module)
    return plain


def _fold_norms(sequence: nn.Sequential) -> None:
    """Fold in place; the norm's place is kept by an Identity, so that the names of the others stay."""
    names = list(sequence._modules)
    for first, second in zip(names, names[1:], strict=False):
        conv, norm = sequence._modules[first], sequence._modules[second]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            sequence._modules[first] = fuse_conv_bn_eval(conv, norm)
            sequence._modules[second] = nn.Identity()
