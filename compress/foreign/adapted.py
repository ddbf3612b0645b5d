"""A foreign network that keeps our convention, by what the recipe says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from compress.errors import ConfigError, WeightsError, one_line
from compress.foreign.onnx_torch.op import tracing
from compress.foreign.tiling import in_tiles
from compress.models.enhance import pad_to_multiple
from compress.schema import AdapterSpec

_RANGES = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}


class Adapted(nn.Module):
    """Dark RGB (N, 3, H, W) float32 in [0, 1] to bright; clipped in eval mode.

    H and W may be any: what is missing to ``size_multiple`` is filled up with ``padding`` and cut off again. It has no
    thumbnail and no stride: a shrunken picture is another picture to it (ADR 0026). In float32 always, in double where
    it is given double. While it is traced for a file, sides are taken as they are: filling up is the runner's then.
    """

    def __init__(
        self, inner: nn.Module, spec: AdapterSpec, name: str, closed: str | None = None, origin: Path | None = None
    ) -> None:
        """``name``: what messages call it; ``closed``: why its inner modules can't be listened to, if they can't;
        ``origin``: the ``foreign.json`` that it was opened from.

        Raises ConfigError for an adapter that is not whole.
        """
        super().__init__()
        check_adapter(spec, "adapter")
        self.inner = inner
        self.spec, self.name, self.closed, self.origin = spec, name, closed, origin
        self.size_multiple = spec.size_multiple or 1
        self.padding = spec.padding or "replicate"

    def forward(self, x: Tensor) -> Tensor:
        """Raises WeightsError, one line, for whatever the network does with such a picture."""
        spec = self.spec
        if x.dtype not in (torch.float32, torch.float64):
            x = x.float()
        if not tracing() and not x.is_contiguous():  # an author's view() may count on that
            x = x.contiguous()
        with torch.autocast(x.device.type, enabled=False):
            if spec.tile is not None:
                y = in_tiles(self._through, x, spec.tile, spec.overlap, self.padding)
            elif tracing() or not any(side % self.size_multiple for side in x.shape[2:]):
                y = self._through(x)
            else:
                padded = pad_to_multiple(x, self.size_multiple, self.padding)
                y = self._through(padded)[:, :, : x.shape[2], : x.shape[3]]
        return y if self.training else torch.clamp(y, 0.0, 1.0)

    @property
    def only_size(self) -> tuple[int, int] | None:
        """Height and width where the network's file fixes both, and it is not run in tiles."""
        return getattr(self.inner, "size", None) if self.closed and self.spec.tile is None else None

    @property
    def given_range(self) -> tuple[float, float]:
        """Ends of what the network takes."""
        return _RANGES[self.spec.range or "0..1"]

    def turned(self, x: Tensor) -> Tensor:
        """A picture of ours in the colours and range of the network."""
        lower, upper = self.given_range
        return _scaled(_reversed(x) if self.spec.colours == "BGR" else x, upper - lower, lower)

    def _through(self, x: Tensor) -> Tensor:
        """A picture of a size that the network takes, in our convention on both sides."""
        lower, upper = self.given_range
        given = self.turned(x)
        try:
            answer = self.inner(given)
        except Exception as error:  # somebody else's code
            raise WeightsError(f"{self.name}: fails on {_shape(given)}: {one_line(error)}") from None
        y = self._chosen(answer)
        y = y if (y.device, y.dtype) == (x.device, x.dtype) else y.to(x.device, x.dtype)
        if not tracing() and y.shape != x.shape:
            raise WeightsError(f"{self.name}: answers {_shape(y)} to {_shape(x)}; {_way_out(y, x)}")
        if self.spec.answers == "residual":
            y = given + y
        elif self.spec.answers_range is not None:
            lower, upper = _RANGES[self.spec.answers_range]
        y = _scaled(y, 1.0 / (upper - lower), -lower / (upper - lower))
        return _reversed(y) if self.spec.colours == "BGR" else y

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
        named = output if output in held else str(output)  # a file's outputs may be called by numbers
        if output is not None and isinstance(held.get(named), Tensor):
            chosen: Tensor = held[named]
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


def own_names(net: nn.Module, names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of modules as the network's author has them, as they are in ``net``; in ours they are those."""
    return tuple(name if name.startswith("inner.") else f"inner.{name}" for name in names) if (
        isinstance(net, Adapted)
    ) else names  # fmt: skip


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


def _scaled(x: Tensor, factor: float, addend: float) -> Tensor:
    """Without operations that change nothing: each would be one on the device."""
    x = x if factor == 1.0 else x * factor
    return x if addend == 0.0 else x + addend


def _reversed(x: Tensor) -> Tensor:
    """Channels in the other order, by what every device has."""
    return torch.cat((x[:, 2:3], x[:, 1:2], x[:, 0:1]), dim=1)


def _shape(value: Any) -> str:
    return "x".join(map(str, value.shape)) if isinstance(value, Tensor) else type(value).__name__
