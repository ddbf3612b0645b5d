"""One ONNX operator as a module, what a maker is given to make it, and the whole numbers of shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from compress.foreign.onnx_torch.graph import Graph, Node, Side

Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Given:
    """An operand that is there at run time only."""

    name: str


class Op(nn.Module):
    """A function of tensors; operands that are constant are buffers, or literals where they are numbers."""

    def __init__(self, function: Callable[..., Any], operands: Sequence[Any]) -> None:
        """``operands`` in the order of the function's arguments; those that are Given come with the call."""
        super().__init__()
        self.function = function
        self.operands: list[Any] = []
        for number, operand in enumerate(operands):
            if isinstance(operand, Tensor):
                self.register_buffer(f"constant_{number}", operand)
                self.operands.append(f"constant_{number}")
            else:
                self.operands.append(operand if isinstance(operand, Given) else (operand,))

    def forward(self, *given: Tensor) -> Any:
        """Of the operands that are Given, in order."""
        ahead = iter(given)
        arguments = []
        for operand in self.operands:
            if isinstance(operand, Given):
                arguments.append(next(ahead))
            else:
                arguments.append(getattr(self, operand) if isinstance(operand, str) else operand[0])
        return self.function(*arguments)

    def extra_repr(self) -> str:
        """The function's name."""
        return getattr(self.function, "__name__", None) or getattr(self.function, "func", self.function).__name__


@dataclass(frozen=True)
class Made:
    """A module and the names of the values it takes; ``key``: equal for nodes that may share one module."""

    module: nn.Module
    inputs: tuple[str, ...]
    key: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Place:
    """A node among what is known of its graph; operands are asked for by their number."""

    node: Node
    graph: Graph
    parameters: dict[tuple[str, str], nn.Parameter] = field(default_factory=dict)

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Of the node."""
        return self.node.attributes

    @property
    def opset(self) -> int:
        """Of the default domain."""
        return self.graph.opset

    def has(self, number: int) -> bool:
        """Whether this input is there."""
        return len(self.node.inputs) > number and self.node.inputs[number] != ""

    def constant(self, number: int) -> Tensor | None:
        """The input's value, where it is known."""
        return self.graph.constants.get(self.node.inputs[number]) if self.has(number) else None

    def shape(self, number: int) -> tuple[Side, ...] | None:
        """The input's, as far as known."""
        constant = self.constant(number)
        return tuple(constant.shape) if constant is not None else self.graph.shapes.get(self.node.inputs[number])

    def rank(self, number: int = 0) -> int:
        """Number of sides; pictures' where it is not known."""
        shape = self.shape(number)
        return 4 if shape is None else len(shape)

    def operand(self, number: int) -> Any:
        """Given, a tensor, or a number where that means the same; None where it is left out."""
        if not self.has(number):
            return None
        constant = self.constant(number)
        if constant is None:
            return Given(self.node.inputs[number])
        running = [other for other in range(len(self.node.inputs)) if self.has(other) and self.constant(other) is None]
        widest = max((len(self.shape(other) or ()) for other in running), default=-1)
        alone = constant.numel() == 1 and running and constant.dim() <= widest
        return constant.item() if alone or (constant.dim() == 0 and running) else constant

    def tensor(self, number: int) -> Any:
        """Given, or a tensor, never a number."""
        constant = self.constant(number)
        return Given(self.node.inputs[number]) if constant is None else constant

    def numbers(self, number: int, attribute: str = "") -> Numbers | Given | None:
        """Whole numbers from an attribute or an input, a tuple where they are known; None where they are left out."""
        if attribute and attribute in self.attributes:
            value = self.attributes[attribute]
            return tuple(value) if isinstance(value, list) else (value,)
        if not self.has(number):
            return None
        constant = self.constant(number)
        if constant is None:
            return Given(self.node.inputs[number])
        return tuple(constant.reshape(-1).tolist())

    def op(self, function: Callable[..., Any], *operands: Any) -> Made:
        """The function with these operands."""
        return Made(Op(function, operands), tuple(each.name for each in operands if isinstance(each, Given)))


Maker = Callable[[Place], Made]


def tracing() -> bool:
    """Whether torch writes down what is called (an export to ONNX)."""
    return bool(torch._C._get_tracing_state())


def whole(value: Numbers | Tensor) -> list[Any]:
    """Numbers of a shape, for torch's functions. While a file is traced they stay tensors, so that sides stay free."""
    if not isinstance(value, Tensor):
        return list(value)
    with torch._C.DisableTorchFunction():  # shape arithmetic is not NNCF's business
        return list(value.reshape(-1).unbind()) if tracing() else value.reshape(-1).tolist()
