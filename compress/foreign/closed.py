"""Networks whose inside can't be reached: programs of torch.export and TorchScript, opened after they were checked."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils._pytree import tree_map

from compress.errors import WeightsError, one_line


class Program(nn.Module):
    """Runs an exported program, which has no train or eval mode: it stays as it was exported."""

    def __init__(self, inner: nn.Module, shape: tuple[object, ...]) -> None:
        """``shape``: of what it was exported for, with numbers where it is fixed."""
        super().__init__()
        self.inner = inner
        sides = [side for side in shape[2:] if isinstance(side, int)]
        self.size = (sides[0], sides[1]) if len(sides) == 2 else None
        self.single = shape[:1] == (1,)

    def train(self, mode: bool = True) -> Program:
        """Of the wrapper alone."""
        self.training = mode
        return self

    def forward(self, x: Tensor) -> Any:
        """One picture at a time where the program was exported for one."""
        if not self.single or len(x) == 1:
            return self.inner(x)
        each = [self.inner(picture[None]) for picture in x]
        return tree_map(lambda *parts: torch.cat(parts), each[0], *each[1:])


def exported(path: Path, plain: bool = False) -> Program:
    """A ``.pt2`` file; ``plain``: calling torch's own functions, which NNCF knows by name, where it can.

    Raises WeightsError for one that torch can't read or that wants more than a picture.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            program = torch.export.load(path)
            inner = program.module()
        except Exception as error:  # torch raises many kinds
            raise WeightsError(f"{path.name}: torch can't open it ({one_line(error)}); export it again") from None
    names = program.graph_signature.user_inputs
    if len(names) != 1:
        raise WeightsError(f"{path.name}: takes {', '.join(map(str, names))}; only networks of one picture can be used")
    node = next(node for node in program.graph.nodes if node.name == names[0])
    if plain:
        _call_functions(inner)
    return Program(inner, tuple(node.meta["val"].shape))


def _call_functions(inner: Any) -> None:
    """``torch.conv2d`` in the place of ``torch.ops.aten.conv2d.default``, and so on, where they take the same."""
    for node in inner.graph.nodes:
        if node.op == "call_function" and isinstance(node.target, torch._ops.OpOverload):
            name = node.target.name().partition("::")[2].partition(".")[0]
            homes = (home for home in (torch, functional, Tensor) if callable(getattr(home, name, None)))
            node.target = next((getattr(home, name) for home in homes), node.target)
    inner.recompile()


def scripted(path: Path) -> nn.Module:
    """A TorchScript archive that is trusted. Raises WeightsError for one that torch can't read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            net: nn.Module = torch.jit.load(str(path), map_location="cpu")
        except Exception as error:  # torch raises many kinds
            raise WeightsError(f"{path.name}: torch can't open it ({one_line(error)}); export it again") from None
    for parameter in net.parameters():  # an archive has no requires_grad_ of its own
        parameter.requires_grad_(False)
    return net.eval()
