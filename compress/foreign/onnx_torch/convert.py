"""From an ONNX file to a torch module that answers as it does."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from compress.errors import NetworkError, one_line
from compress.foreign.onnx_file import check_onnx
from compress.foreign.onnx_torch.graph import Graph, Node, read_graph
from compress.foreign.onnx_torch.joining import joined
from compress.foreign.onnx_torch.network import OnnxGraph, Step
from compress.foreign.onnx_torch.op import Made, Place
from compress.foreign.onnx_torch.operators import MAKERS
from compress.foreign.onnx_torch.selfcheck import check_conversion


def as_torch(path: Path) -> OnnxGraph:
    """The network of an ONNX file (opset 11 to 21, one picture in) as a torch module, in eval mode, in float32.

    Convolutions, linear layers and norms are torch's own modules; every module is named by its node (``names``).
    Sides that are free in the file stay free. Checked against ONNX Runtime before it is given back.

    Raises what ``check_onnx`` does (NetworkRefused, WeightsError); WeightsError where onnx or ONNX Runtime can't open
    the file; NetworkError for operators that can't be converted, for a quantized network, and for a conversion that
    answers otherwise than the file.
    """
    check_onnx(path)
    net = _Conversion(joined(read_graph(path, MAKERS.keys()))).network().eval()
    check_conversion(net, path)
    return net


@dataclass
class _Conversion:
    """What is known while the nodes are gone through."""

    graph: Graph
    host: set[str] = field(default_factory=set)
    parameters: dict[tuple[str, str], nn.Parameter] = field(default_factory=dict)
    shared: dict[tuple[Any, ...], tuple[str, ...]] = field(default_factory=dict)

    def network(self) -> OnnxGraph:
        graph = self.graph
        net = OnnxGraph(graph.file, graph.input, graph.input_shape, graph.outputs, graph.half)
        steps: list[Step] = []
        for node in graph.nodes:
            try:
                step = self._step(net, node)
            except NetworkError as error:
                raise NetworkError(f"{graph.file}: {node.name} ({node.op}): {error}") from None
            except Exception as error:  # a file that says what its operator does not take
                raise NetworkError(
                    f"{graph.file}: {node.name} ({node.op}) can't be converted: {one_line(error)}; "
                    "export it again, or let it teach a student (teacher.source)"
                ) from None
            if step is not None:
                steps.append(step)
        constant = [name for name in graph.outputs if name in graph.constants]
        if constant:
            raise NetworkError(f"{graph.file}: {', '.join(constant)} does not depend on the picture; export it again")
        net.steps = _with_last_uses(steps, graph.outputs)
        return net

    def _step(self, net: OnnxGraph, node: Node) -> Step | None:
        """The call of a node; None where its answer is known now."""
        place = Place(node, self.graph, self.parameters)
        made = MAKERS[node.op](place)
        known = self._known(node, made)
        if known is not None:
            with torch.no_grad():
                self._fold(node, made.module(*known))
            return None
        host = node.op in ("Shape", "Size") or all(name in self.host for name in made.inputs)
        if host:
            self.host.update(node.outputs)
        return Step(self._placed(net, node, made), made.inputs, node.outputs, host, ())

    def _known(self, node: Node, made: Made) -> list[Tensor] | None:
        """What the module takes, where it is the same for each picture."""
        graph = self.graph
        if node.op == "Shape":
            sides = [side for side in graph.shapes.get(node.inputs[0], (None,)) if side is not None]
            whole = len(sides) == len(graph.shapes.get(node.inputs[0], (None,)))
            return [torch.empty(sides, device="meta")] if whole else None
        every = all(name in graph.constants for name in node.inputs if name)
        return [graph.constants[name] for name in made.inputs] if every else None

    def _fold(self, node: Node, answer: Any) -> None:
        several = answer if isinstance(answer, tuple | list) else (answer,)
        self.graph.constants.update(zip(node.outputs, map(torch.as_tensor, several), strict=False))

    def _placed(self, net: OnnxGraph, node: Node, made: Made) -> tuple[str, ...]:
        """Where the module is: where its equal is, if it has one."""
        called = re.sub(r"_\d+(?=/|$)", "", node.place)  # torch numbers the calls of a module
        key = (called, *made.key) if made.key is not None else None
        path = self.shared.get(key) if key is not None else None
        if path is None:
            path = net.place(node.place, made.module)
            if key is not None:
                self.shared[key] = path
        dotted = ".".join(path)
        net.names[dotted] = (*net.names.get(dotted, ()), node.name, *node.joined)
        return path


def _with_last_uses(steps: list[Step], outputs: tuple[str, ...]) -> tuple[Step, ...]:
    asked, done = set(outputs), []
    for step in reversed(steps):
        last = tuple(sorted({*step.inputs, *step.outputs} - asked))
        asked.update(step.inputs)
        done.append(Step(step.path, step.inputs, step.outputs, step.host, last))
    return tuple(done[::-1])
