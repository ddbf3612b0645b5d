"""What a network answers, and which sizes it takes: found by running it, on small pictures."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from compress.errors import WeightsError, one_line
from compress.inspection.facts import Border

if TYPE_CHECKING:
    from torch import nn

MULTIPLES = (1, 2, 4, 8, 16, 32, 64)
_LEAST_PX = 65


@dataclass(frozen=True)
class Answer:
    """What it gives, in order, and how ``adapter.output`` chooses: by place from 0, by name, or there is one tensor."""

    outputs: tuple[Border, ...]
    chosen: Literal["place", "name"] | None

    def pictures(self, size: tuple[int, int]) -> tuple[str, ...]:
        """Names of the outputs that have the shape of a picture of ``size``."""
        return tuple(each.name for each in self.outputs if each.shape == (1, 3, *size))

    def scales(self, size: tuple[int, int]) -> set[tuple[int, int]]:
        """Of outputs with three channels that are the picture larger or smaller, alike in both sides: the ratio."""
        found = [each.shape[2:] for each in self.outputs if len(each.shape) == 4 and each.shape[1] == 3]
        return {_ratio(h, size[0]) for h, w in found if h * size[1] == w * size[0]}


@dataclass(frozen=True)
class Sizes:
    """``multiple``: the smallest that was tried and runs, ``failed``: those before it; None where none of them does."""

    multiple: int | None
    failed: tuple[int, ...]
    reason: str


def answer_to(net: nn.Module, size: tuple[int, int]) -> Answer:
    """To a dark picture. Raises WeightsError, one line, for whatever the network does with it."""
    import torch

    x = torch.linspace(0, 0.3, 3 * size[0] * size[1]).reshape(1, 3, *size)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            given = net(x)
        except Exception as error:  # somebody else's code
            raise WeightsError(f"the network fails on 1x3x{size[0]}x{size[1]}: {one_line(error)}") from None
    if isinstance(given, torch.Tensor):
        name = next(iter(getattr(net, "outputs", ())), "output")
        return Answer((Border(name=name, shape=tuple(given.shape)),), None)
    if isinstance(given, dict):
        return Answer(tuple(Border(name=str(name), shape=_shape(value)) for name, value in given.items()), "name")
    if isinstance(given, tuple | list):
        return Answer(tuple(Border(name=str(at), shape=_shape(value)) for at, value in enumerate(given)), "place")
    raise WeightsError(
        f"the network gives {type(given).__name__}; only tensors, and tuples or dicts of them, can be used"
    )


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


def try_sizes(net: nn.Module) -> Sizes:
    """Sides that are odd multiples, from 1 up, until one runs and what it gives fits the picture."""
    failed: list[int] = []
    reason = ""
    for multiple in MULTIPLES:
        least = -(-_LEAST_PX // multiple)
        odd = least + 1 - least % 2
        size = (multiple * odd, multiple * (odd + 2))
        try:
            problem = _misfit(answer_to(net, size), size)
        except WeightsError as error:
            problem = str(error)
        if not problem:
            return Sizes(multiple, tuple(failed), reason)
        failed.append(multiple)
        reason = reason or problem
    return Sizes(None, tuple(failed), reason)


def _misfit(answer: Answer, size: tuple[int, int]) -> str:
    """Where none of the outputs that could be pictures is one of this size, or of one whole multiple of it."""
    coloured = [each.shape for each in answer.outputs if len(each.shape) == 4 and each.shape[1] == 3]
    if not coloured or any(1 in ratio for ratio in answer.scales(size)):
        return ""
    return f"the network answers {'x'.join(map(str, coloured[0]))} to 1x3x{size[0]}x{size[1]}"


def _ratio(one: int, other: int) -> tuple[int, int]:
    from math import gcd

    common = gcd(one, other)
    return one // common, other // common
