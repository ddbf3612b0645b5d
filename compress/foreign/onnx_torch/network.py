"""A converted network: its modules under the names of the file's nodes, run one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from compress.errors import WeightsError
from compress.foreign.onnx_torch.op import tracing


@dataclass(frozen=True)
class Step:
    """One call. ``host``: arithmetic of shapes. ``last``: values that nobody asks for afterwards."""

    path: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    host: bool
    last: tuple[str, ...]


class Scope(nn.Module):
    """What nodes of one name's first part lie in; it is called on the way to them, so that NNCF sees the whole name."""

    def forward(self, path: tuple[str, ...], given: Sequence[Tensor]) -> Any:
        """The answer of the module at ``path`` below."""
        inner = self._modules[path[0]]
        assert inner is not None
        return inner(*given) if len(path) == 1 else inner(path[1:], given)


class OnnxGraph(nn.Module):
    """(N, 3, H, W) float32 to one tensor, or to a dict of them by output name.

    ``size``: height and width where the file fixes both. ``names``: of each module, by its path, the names of the
    file's nodes that it stands for (several where they share weights, or were joined).
    """

    def __init__(
        self, file: str, name: str, shape: Sequence[int | None], outputs: Sequence[str], half: bool = False
    ) -> None:
        """``name``, ``shape``: of the input; ``half``: the file is in half precision."""
        super().__init__()
        self.was_half = half
        self.file, self.input, self.outputs = file, name, tuple(outputs)
        self.sides = tuple(shape[2:])
        self.size = cast(tuple[int, int], self.sides) if None not in self.sides else None
        self.single = shape[0] == 1
        self.steps: tuple[Step, ...] = ()
        self.names: dict[str, tuple[str, ...]] = {}

    def forward(self, x: Tensor) -> Tensor | dict[str, Tensor]:
        """One picture at a time where the file has a batch of one written in.

        Raises WeightsError for a size that the file does not take.
        """
        if not tracing():
            wrong = [side for side, fixed in zip(x.shape[2:], self.sides, strict=True) if fixed not in (None, side)]
            if wrong:
                taken = "x".join("?" if side is None else str(side) for side in self.sides)
                raise WeightsError(
                    f"{self.file}: takes {taken}, not {x.shape[2]}x{x.shape[3]}; use pictures of that size "
                    "(data.size) and builds for it (target.export.size)"
                )
            if self.single and len(x) > 1:
                each = [self._run(picture[None]) for picture in x]
                return self._answer({name: torch.cat([one[name] for one in each]) for name in self.outputs})
        return self._answer(self._run(x))

    def _answer(self, found: dict[str, Tensor]) -> Tensor | dict[str, Tensor]:
        return found[self.outputs[0]] if len(self.outputs) == 1 else {name: found[name] for name in self.outputs}

    def _run(self, x: Tensor) -> dict[str, Tensor]:
        values = {self.input: x}
        for step in self.steps:
            given = [values[name] for name in step.inputs]
            if step.host:
                with torch._C.DisableTorchFunction():  # not NNCF's business
                    answer = self._call(step.path, given)
            else:
                answer = self._call(step.path, given)
            several = answer if isinstance(answer, tuple | list) else (answer,)
            values.update(zip(step.outputs, several, strict=False))
            for name in step.last:
                values.pop(name, None)
        return {name: values[name] for name in self.outputs}

    def _call(self, path: tuple[str, ...], given: Sequence[Tensor]) -> Any:
        inner = self._modules[path[0]]
        assert inner is not None
        return inner(*given) if len(path) == 1 else inner(path[1:], given)

    def place(self, name: str, module: nn.Module) -> tuple[str, ...]:
        """Put a module where the node's name says, or as near as a free name is; the path it got."""
        *scopes, last = path_of(name)
        scope: nn.Module = self
        taken: list[str] = []
        for part in scopes:
            inner = scope._modules.get(part)
            if not isinstance(inner, Scope):
                part = _free(scope, part)
                inner = Scope()
                scope.add_module(part, inner)
            scope = inner
            taken.append(part)
        last = _free(scope, last)
        scope.add_module(last, module)
        return (*taken, last)


def path_of(name: str) -> tuple[str, ...]:
    """Parts of a module path: ``/body/body.0/conv/Conv`` is body, 0, conv, Conv."""
    parts, outer = [], ""
    for part in filter(None, re.split(r"/|::", name)):
        own = part.removeprefix(f"{outer}.") if outer else part
        parts.append(re.sub(r"\W", "_", own) or "_")
        outer = part
    return tuple(parts) or ("_",)


def _free(scope: nn.Module, name: str) -> str:
    """``name``, or with a number behind it where it is taken."""
    if not hasattr(scope, name):
        return name
    return next(f"{name}_{number}" for number in range(1, 10**9) if not hasattr(scope, f"{name}_{number}"))
