"""Whether one run of a network tells all about it: what can't be traced is refused with the reason and the way out."""

from __future__ import annotations

import copy
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from compress.errors import NetworkError, one_line

_WAY_OUT = "write that without it, or leave the network whole and distil it into a student"
_SIDES_PX = (32, 64)


@dataclass(frozen=True)
class Probe:
    """An input to try a network with: (1, channels, height, width), float32 or float64."""

    shape: tuple[int, int, int, int]
    dtype: torch.dtype

    def picture(self, seed: int) -> Tensor:
        """Noise in [0, 1]."""
        return torch.rand(self.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(self.dtype)


def find_probe(net: nn.Module, size: tuple[int, int], channels: int = 3) -> Probe:
    """The smallest input that the network takes: 32x32 and 64x64 before ``size``, double before single precision.

    Raises NetworkError where it takes none of them.
    """
    first: Exception = ValueError("no size to try")
    for height, width in dict.fromkeys((*((side, side) for side in _SIDES_PX), size)):
        for dtype in (torch.float64, torch.float32):
            probe = Probe((1, channels, height, width), dtype)
            try:
                with torch.no_grad():
                    copy.deepcopy(net).to(dtype).eval()(probe.picture(0))
                return probe
            except Exception as error:  # whatever a foreign network raises
                first = error
    raise NetworkError(
        f"the network does not run on a (1, {channels}, {size[0]}, {size[1]}) picture: {one_line(first)}"
    )


def trace_problem(net: nn.Module, probe: Probe) -> None:
    """Raise NetworkError where one run is not the whole network, or where its layers can't be reached."""
    scripted = next((name for name, each in net.named_modules() if isinstance(each, torch.jit.ScriptModule)), None)
    if scripted is not None:
        raise NetworkError(
            "can't be pruned: it is a TorchScript archive, whose layers can't be changed; "
            "give the Python class with its weights (module:callable), or distil it into a student"
        )
    traced = copy.deepcopy(net).to(probe.dtype).eval()
    first = _first_part(_whole_answer(traced, probe, "pruned"))
    if not isinstance(first, Tensor) or not first.requires_grad:
        raise NetworkError(
            "can't be pruned: its answer can't be followed back to its layers "
            f"(numpy, detach or no_grad in its forward); {_WAY_OUT}"
        )
    with torch.no_grad():
        again = _first_part(traced(probe.picture(0)))
    if not torch.allclose(first, again, rtol=1e-4, atol=1e-5, equal_nan=True):
        raise NetworkError(f"can't be pruned: it answers the same picture otherwise each time; {_WAY_OUT}")


def path_problem(net: nn.Module, probe: Probe) -> None:
    """Raise NetworkError where another picture might take another path through the network."""
    _whole_answer(copy.deepcopy(net).to(probe.dtype).eval(), probe, "quantized or exported")


def _whole_answer(net: nn.Module, probe: Probe, what: str) -> Any:
    watch = _Values()
    with torch.enable_grad(), watch:
        answer = net(probe.picture(0).requires_grad_() * 1.0)  # no leaf: it may be changed in place
    if watch.line:
        raise NetworkError(
            f"can't be {what}: its path depends on the picture ({watch.line} reads a tensor's value), "
            f"so one run does not show all of it; {_WAY_OUT}"
        )
    return answer


def unread_layers(net: nn.Module, x: Tensor) -> tuple[str, ...]:
    """Layers that the answer does not depend on: what leads to outputs that nobody asks for."""
    owners = {name: module for name, module in net.named_modules() if list(module.parameters(recurse=False))}
    own = {name: next(module.parameters(recurse=False)) for name, module in owners.items()}
    before = {name: each.requires_grad for name, each in own.items()}
    for each in own.values():
        each.requires_grad_(True)
    with torch.enable_grad():
        found = torch.autograd.grad(net(x).sum(), list(own.values()), allow_unused=True)
    for name, each in own.items():
        each.requires_grad_(before[name])
    return tuple(name for name, gradient in zip(own, found, strict=True) if gradient is None)


def _first_part(answer: Any) -> Any:
    """The first of what a network gives, however nested."""
    while isinstance(answer, list | tuple | dict) and len(answer):
        answer = next(iter(answer.values())) if isinstance(answer, dict) else answer[0]
    return answer


class _Values(TorchDispatchMode):
    """Notes where a tensor's value becomes a Python number, as in ``if x.mean() > 0.5``."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.line = ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default and not self.line:
            own = (str(Path(torch.__file__).parent), __file__)
            frames = [each for each in traceback.extract_stack() if not each.filename.startswith(own)]
            self.line = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "a layer"
        return func(*args, **(kwargs or {}))
