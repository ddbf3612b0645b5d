"""From a torch network to the one ONNX file that every runtime starts from.

``torch.onnx.export`` (the TorchScript exporter: the other one fails on fake-quant modules), weights
stored as int8 where they are quantized, simplified by onnxsim, checked by ``onnx.checker`` and by
running it: the file must answer like the network it was made from.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.detection.in_graph import OBJECTS
from compress.errors import BuildError, one_line
from compress.runtimes.agreement import check_answer, unrest_of
from compress.runtimes.base import Size, times_larger, times_smaller
from compress.runtimes.wide_codes import TRACED_OPSET, WIDE_OPSET, exporting_wide_codes, relabel

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray
    from torch import nn

    from compress.runtimes.base import Answers, Batch

INPUT = "dark"
OUTPUT = "bright"
MAPS = "maps"
"""The output of a network that answers with maps of boxes, alone or beside a picture."""


@dataclass(frozen=True)
class OnnxRequest:
    """What file is wanted. ``size``: the picture's, or the example's where height and width are ``free``.

    ``also``: another size that a free file is tried with, for a graph may have the example's written into it.
    """

    size: Size
    free: bool
    opset: int
    notes: dict[str, str]
    also: Size | None = None


def ratio(name: str, answer: Sequence[int], given: Sequence[int]) -> int | None:
    """How many times larger than what was given (N, C, H, W) the picture is, how many times smaller maps are; None
    where it is nothing whole. Boxes have no size."""
    if name == OBJECTS:
        return 1
    return (times_smaller if name == MAPS else times_larger)(answer, given)


def export_onnx(net: nn.Module, request: OnnxRequest, path: Path) -> None:
    """Write ``net`` ((1, 3, H, W) in [0, 1] to as much or larger, eval mode, float or stripped fake-quant) as ONNX.

    The input is called ``dark``, the outputs as ``models.outputs`` says: ``bright``, and ``maps``, which are of any
    size and range. Equal networks give equal bytes.
    Raises BuildError when the network can't be exported or the file answers differently.
    """
    import onnx
    import onnxsim
    import torch

    torch.manual_seed(0)
    x = torch.rand(1, 3, *request.size) * 0.25  # dark, like what the network was made for
    truth = _answers(net, x, path.name)
    tried = [(x.numpy(), truth), *_other_size(net, request, path.name)]
    _trace(net, x, truth, request, path)
    raw = onnx.load(str(path))
    if request.opset == WIDE_OPSET:
        relabel(raw, WIDE_OPSET)
    _refuse_foreign(raw, path.name)
    simple, same = onnxsim.simplify(fold_weights(raw))
    if not same:
        raise BuildError(f"{path.name}: onnxsim's simplified graph is not the original")
    _say_sides(simple, truth, request)
    onnx.helper.set_model_props(simple, dict(sorted(request.notes.items())))
    onnx.checker.check_model(simple, full_check=True)
    files = (("exported", raw), ("simplified", simple))
    for picture, wanted in tried:
        answers = [(what, _asked(model, picture, path.name)) for what, model in files]
        for name, each in wanted.items():
            span, ask = span_of(name, each), partial(_answer, x=picture, name=path.name, output=name)
            unrest = cache(partial(unrest_of, net, ask, each, span))
            for what, answer in answers:
                what_part = f"{path.name} ({what})" if len(wanted) == 1 else f"{path.name} ({what}, {name})"
                check_answer(what_part, answer[name], each, is_quantized(raw), span, unrest)
    onnx.save(simple, str(path))


def _answers(net: nn.Module, x: Any, name: str) -> Answers:
    import torch

    from compress.models.outputs import named

    with torch.no_grad():
        answer = net(x)
    try:
        return {key: value.numpy() for key, value in named(net, answer).items()}
    except ValueError as error:
        raise BuildError(f"{name}: the network's outputs are not as it says: {one_line(error, kind=False)}") from None


def _answer(net: nn.Module, x: NDArray[np.float32], name: str, output: str) -> NDArray[np.float32]:
    import torch

    return _answers(net, torch.from_numpy(x), name)[output]


def _other_size(net: nn.Module, request: OnnxRequest, name: str) -> list[tuple[Any, Answers]]:
    """A picture of the other size and what the network makes of it, where one is asked for."""
    import torch

    if request.also is None:
        return []
    x = torch.rand(1, 3, *request.also) * 0.25
    try:
        return [(x.numpy(), _answers(net, x, name))]
    except Exception as error:  # whatever somebody else's network raises
        size = f"{request.also[0]}x{request.also[1]}"
        raise BuildError(f"{name}: the network takes no picture of {size}: {one_line(error, kind=False)}") from None


def _asked(model: onnx.ModelProto, picture: Any, name: str) -> Answers:
    try:
        return answers_of(model, picture)
    except Exception as error:  # onnxruntime has no common root but RuntimeError and its own
        size = f"{picture.shape[2]}x{picture.shape[3]}"
        raise BuildError(f"{name}: the file takes no picture of {size}: {one_line(error, kind=False)}") from None


def _free_sides(name: str, answer: Batch, truth: Answers, request: OnnxRequest) -> tuple[str, str]:
    """What the free sides of an output are called: as the picture's that went in, where they are the same."""
    if answer.shape == (1, 3, *request.size):
        return "height", "width"
    called = "answer" if name == next(iter(truth)) else name
    return f"{called}_height", f"{called}_width"


def _trace(net: nn.Module, x: Any, truth: Answers, request: OnnxRequest, path: Path) -> None:
    import torch
    from torch import nn
    from torch.onnx import errors

    class OneInput(nn.Module):
        """The exporter would make inputs of ``forward``'s optional arguments."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, dark: torch.Tensor) -> Any:
            return self.net(dark)

    axes = {INPUT: {2: "height", 3: "width"}}
    for name, answer in truth.items():
        axes[name] = dict(zip((2, 3), _free_sides(name, answer, truth, request), strict=True))
    wrapped = OneInput().eval()
    opset = TRACED_OPSET if request.opset == WIDE_OPSET else request.opset
    level = logging.getLogger("torch.onnx").level
    try:
        with warnings.catch_warnings(), torch.no_grad(), exporting_wide_codes(net, request.opset):
            warnings.simplefilter("ignore")  # the exporter's own deprecations and trace notes
            torch.onnx.export(
                wrapped, (x,), str(path), dynamo=False, opset_version=opset, input_names=[INPUT],
                output_names=list(truth), dynamic_axes=axes if request.free else None,
            )  # fmt: skip
    except (errors.OnnxExporterError, ValueError, RuntimeError) as error:
        problem = f"can't be exported with opset {request.opset}: {one_line(error, kind=False)}"
        raise BuildError(f"{path.name}: {problem}") from None
    finally:
        logging.getLogger("torch.onnx").setLevel(level)


def _refuse_foreign(model: onnx.ModelProto, name: str) -> None:
    foreign = [node for node in model.graph.node if node.domain not in ("", "ai.onnx")]
    if not foreign:
        return
    first = foreign[0]
    raise BuildError(f"{name}: {first.name} is a {first.domain}.{first.op_type}, which is not an ONNX operator")


def _say_sides(model: onnx.ModelProto, truth: Answers, request: OnnxRequest) -> None:
    """What the answers' sides are, though a graph that reshapes by computed sizes does not tell."""
    for value in model.graph.output:
        answer = truth[value.name]
        larger = answer.shape[2:] != request.size
        free = _free_sides(value.name, answer, truth, request) if larger else ("height", "width")
        sides = (1, answer.shape[1], *(free if request.free else answer.shape[2:]))
        for dim, side in zip(value.type.tensor_type.shape.dim, sides, strict=False):
            if isinstance(side, int):
                dim.dim_value = side
            elif not dim.HasField("dim_value"):
                dim.dim_param = side


def is_quantized(model: onnx.ModelProto) -> bool:
    """Whether the graph holds QuantizeLinear or DequantizeLinear."""
    return any(node.op_type in ("QuantizeLinear", "DequantizeLinear") for node in model.graph.node)


def fold_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose quantized weights are stored as integers: QuantizeLinear of a constant is computed here.

    The file shrinks to a quarter, and the weights that ship are the very integers that run.
    """
    import onnx
    from onnx import numpy_helper

    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    constants = constant_tensors(folded)
    for node in list(folded.graph.node):
        if node.op_type == "QuantizeLinear" and all(name in constants for name in node.input):
            weight, scale, zero = (numpy_helper.to_array(constants[name]) for name in node.input)
            axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
            stored = numpy_helper.from_array(quantize_array(weight, scale, zero, axis), node.output[0])
            folded.graph.initializer.append(stored)
            folded.graph.node.remove(node)
    return folded


def constant_tensors(model: onnx.ModelProto) -> dict[str, onnx.TensorProto]:
    """Initializers and the values of Constant nodes, by name."""
    found = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = node.attribute[0].t
        if node.op_type == "Identity" and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found


def quantize_array(
    values: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any], axis: int
) -> NDArray[np.integer[Any]]:
    """ONNX QuantizeLinear: ``round_half_even(x / scale) + zero``, saturated to the type of ``zero``."""
    import numpy as np

    shape = [1] * values.ndim
    if scale.size > 1:
        shape[axis] = scale.size
    limits = np.iinfo(zero.dtype)
    steps = np.rint(values / scale.reshape(shape)) + zero.reshape(shape).astype(np.float32)
    whole: NDArray[np.integer[Any]] = np.clip(steps, limits.min, limits.max).astype(zero.dtype)
    return whole


def answers_of(model: onnx.ModelProto, x: NDArray[np.float32]) -> Answers:
    """What ONNX Runtime makes of ``x`` with every optimization off: the file as it is written, every output."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in model.graph.output]
    return dict(zip(names, session.run(names, {INPUT: x}), strict=True))


def answer_of(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first output of ``answers_of``."""
    return next(iter(answers_of(model, x).values()))


def span_of(name: str, truth: NDArray[np.float32]) -> float:
    """What differences are shares of: pictures are in [0, 1], maps as far from zero as they are."""
    import numpy as np

    return max(1.0, float(np.abs(truth).max())) if name == MAPS else 1.0
