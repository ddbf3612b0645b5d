"""A foreign network that keeps our convention, by what the recipe says of it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from compress.errors import ConfigError, WeightsError, one_line
from compress.foreign.tiling import in_tiles
from compress.models.enhance import pad_to_multiple
from compress.schema import AdapterSpec

_RANGES = {"0..1": (1.0, 0.0), "-1..1": (2.0, -1.0), "0..255": (255.0, 0.0)}
"""Factor and addend from [0, 1]."""


class Adapted(nn.Module):
    """Dark RGB (N, 3, H, W) float32 in [0, 1] to bright; clipped in eval mode.

    H and W may be any: what is missing to ``size_multiple`` is filled up with ``padding`` and cut off again. It has no
    thumbnail and no stride: a shrunken picture is another picture to it (ADR 0026). Always in float32.
    """

    def __init__(self, inner: nn.Module, spec: AdapterSpec, name: str, closed: str | None = None) -> None:
        """``name``: what messages call it; ``closed``: why its inner modules can't be listened to, if they can't.

        Raises ConfigError for an adapter that is not whole.
        """
        super().__init__()
        check_adapter(spec, "adapter")
        self.inner = inner
        self.spec, self.name, self.closed = spec, name, closed
        self.size_multiple = spec.size_multiple or 1
        self.padding = spec.padding or "replicate"

    def forward(self, x: Tensor) -> Tensor:
        """Raises WeightsError, one line, for whatever the network does with such a picture."""
        spec = self.spec
        with torch.autocast(x.device.type, enabled=False):
            if spec.tile is not None:
                y = in_tiles(self._through, x.float(), spec.tile, spec.overlap, self.padding)
            else:
                padded = pad_to_multiple(x.float(), self.size_multiple, self.padding)
                y = self._through(padded)[:, :, : x.shape[2], : x.shape[3]]
        return y if self.training else torch.clamp(y, 0.0, 1.0)

    def _through(self, x: Tensor) -> Tensor:
        """A picture of a size that the network takes, in our convention on both sides."""
        factor, addend = _RANGES[self.spec.range or "0..1"]
        given = (x.flip(1) if self.spec.colours == "BGR" else x) * factor + addend
        try:
            answer = self.inner(given)
        except Exception as error:  # somebody else's code
            raise WeightsError(f"{self.name}: fails on {_shape(given)}: {one_line(error)}") from None
        y = self._chosen(answer).to(x.device, torch.float32)
        if y.shape != x.shape:
            raise WeightsError(f"{self.name}: answers {_shape(y)} to {_shape(x)}; {_way_out(y, x)}")
        if self.spec.answers == "residual":
            y = given + y
        elif self.spec.answers_range is not None:
            factor, addend = _RANGES[self.spec.answers_range]
        y = (y - addend) / factor
        return y.flip(1) if self.spec.colours == "BGR" else y

    def _chosen(self, answer: Any) -> Tensor:
        output = self.spec.output
        if output is None and isinstance(answer, Tensor):
            return answer
        held: dict[int | str, Any] = {}
        if isinstance(answer, tuple | list):
            held.update(enumerate(answer))
            held.update(zip(getattr(answer, "_fields", ()), answer, strict=False))
        elif isinstance(answer, dict):
            held = answer
        if output is not None and isinstance(held.get(output), Tensor):
            chosen: Tensor = held[output]
            return chosen
        if not held:
            extra = "; leave out adapter.output" if output is not None and isinstance(answer, Tensor) else ""
            raise WeightsError(f"{self.name}: answers one {type(answer).__name__}, not several{extra}")
        there = ", ".join(f"{key} {_shape(value)}" for key, value in held.items())
        raise WeightsError(f"{self.name}: answers several; name the picture with adapter.output, one of: {there}")


def listened(net: nn.Module) -> nn.Module:
    """The network whose modules hints name: of an adapted one, what the user brought.

    Raises ConfigError where it has none that can be listened to.
    """
    if not isinstance(net, Adapted):
        return net
    if net.closed is not None:
        raise ConfigError((f"distill.hints: {net.closed}; leave out hints, or give the module and its weights",))
    if net.spec.tile is not None:
        raise ConfigError(("distill.hints: a teacher run in tiles has no whole features; leave out hints or tile",))
    return net.inner


def check_adapter(spec: AdapterSpec, where: str) -> None:
    """Raises ConfigError, a line for each thing that is not said or can't be; ``where``: the key of the adapter."""
    problems = [f"{where}.{name}: has to be said of a network from outside" for name in spec.unsaid()]
    problems += [f"{where}.{line}" for line in spec.contradictions()]
    if problems:
        raise ConfigError(tuple(problems))


def _way_out(y: Tensor, x: Tensor) -> str:
    if y.dim() != 4 or y.shape[1] != 3:
        return "that is no picture; name the output that is one with adapter.output"
    return "only networks that keep the size can teach; check adapter.size_multiple"


def _shape(value: Any) -> str:
    return "x".join(map(str, value.shape)) if isinstance(value, Tensor) else type(value).__name__
