"""From a torch network to the one ONNX file that every runtime starts from.

``torch.onnx.export`` (the TorchScript exporter: the other one fails on fake-quant modules), weights
stored as int8 where they are quantized, simplified by onnxsim, checked by ``onnx.checker`` and by
running it: the file must answer like the network it was made from.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import BuildError, one_line
from compress.runtimes.base import Size
from compress.runtimes.wide_codes import TRACED_OPSET, WIDE_OPSET, exporting_wide_codes, relabel

if TYPE_CHECKING:
    import numpy as np
    import onnx
    from numpy.typing import NDArray
    from torch import nn

INPUT = "dark"
OUTPUT = "bright"
MAPS = "maps"
"""The output of a network that answers with maps of boxes."""

FLOAT_TOLERANCE = 2e-4
"""Largest difference that the order of float sums may make, on a scale of 1."""

INT8_MEAN_TOLERANCE = 2e-3
"""Mean difference of quantized answers: a float sum that ends on the other side of a rounding edge
moves one value by a whole step, so the largest difference says nothing; a wrong scale moves all of them."""


@dataclass(frozen=True)
class OnnxRequest:
    """What file is wanted. ``size``: the picture's, or the example's where height and width are ``free``.

    ``also``: another size that a free file is tried with, for a graph may have the example's written into it.
    ``output``: what the answer is called, which says whether it is a picture.
    """

    size: Size
    free: bool
    opset: int
    notes: dict[str, str]
    also: Size | None = None
    output: str = OUTPUT


def export_onnx(net: nn.Module, request: OnnxRequest, path: Path) -> None:
    """Write ``net`` ((1, 3, H, W) in [0, 1] to as much or larger, eval mode, float or stripped fake-quant) as ONNX.

    The input is called ``dark``, the output ``bright``; maps, called so, are of any size and range. Equal
    networks give equal bytes.
    Raises BuildError when the network can't be exported or the file answers differently.
    """
    import onnx
    import onnxsim
    import torch

    torch.manual_seed(0)
    x = torch.rand(1, 3, *request.size) * 0.25  # dark, like what the network was made for
    with torch.no_grad():
        truth = net(x).numpy()
    tried = [(x.numpy(), truth), *_other_size(net, request, path.name)]
    _trace(net, x, truth.shape == tuple(x.shape), request, path)
    raw = onnx.load(str(path))
    if request.opset == WIDE_OPSET:
        relabel(raw, WIDE_OPSET)
    _refuse_foreign(raw, path.name)
    simple, same = onnxsim.simplify(fold_weights(raw))
    if not same:
        raise BuildError(f"{path.name}: onnxsim's simplified graph is not the original")
    _say_sides(simple, truth.shape, request)
    onnx.helper.set_model_props(simple, dict(sorted(request.notes.items())))
    onnx.checker.check_model(simple, full_check=True)
    for what, model in (("exported", raw), ("simplified", simple)):
        for picture, wanted in tried:
            answer = _asked(model, picture, path.name)
            check_answer(f"{path.name} ({what})", answer, wanted, is_quantized(raw), _span(request, wanted))
    onnx.save(simple, str(path))


def _other_size(net: nn.Module, request: OnnxRequest, name: str) -> list[tuple[Any, Any]]:
    """A picture of the other size and what the network makes of it, where one is asked for."""
    import torch

    if request.also is None:
        return []
    x = torch.rand(1, 3, *request.also) * 0.25
    try:
        with torch.no_grad():
            return [(x.numpy(), net(x).numpy())]
    except Exception as error:  # whatever somebody else's network raises
        size = f"{request.also[0]}x{request.also[1]}"
        raise BuildError(f"{name}: the network takes no picture of {size}: {one_line(error, kind=False)}") from None


def _asked(model: onnx.ModelProto, picture: Any, name: str) -> Any:
    try:
        return answer_of(model, picture)
    except Exception as error:  # onnxruntime has no common root but RuntimeError and its own
        size = f"{picture.shape[2]}x{picture.shape[3]}"
        raise BuildError(f"{name}: the file takes no picture of {size}: {one_line(error, kind=False)}") from None


def _trace(net: nn.Module, x: Any, same_size: bool, request: OnnxRequest, path: Path) -> None:
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

    axes = {2: "height", 3: "width"}
    answered = axes if same_size else {2: "answer_height", 3: "answer_width"}
    wrapped = OneInput().eval()
    opset = TRACED_OPSET if request.opset == WIDE_OPSET else request.opset
    level = logging.getLogger("torch.onnx").level
    try:
        with warnings.catch_warnings(), torch.no_grad(), exporting_wide_codes(net, request.opset):
            warnings.simplefilter("ignore")  # the exporter's own deprecations and trace notes
            torch.onnx.export(
                wrapped, (x,), str(path), dynamo=False, opset_version=opset, input_names=[INPUT],
                output_names=[request.output],
                dynamic_axes={INPUT: axes, request.output: answered} if request.free else None,
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


def _say_sides(model: onnx.ModelProto, answered: tuple[int, ...], request: OnnxRequest) -> None:
    """What the answer's sides are, though a graph that reshapes by computed sizes does not tell."""
    larger = answered[2:] != request.size
    free: tuple[int | str, ...] = ("answer_height", "answer_width") if larger else ("height", "width")
    sides = (1, answered[1], *(free if request.free else answered[2:]))
    for dim, side in zip(model.graph.output[0].type.tensor_type.shape.dim, sides, strict=False):
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


def answer_of(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """What ONNX Runtime makes of ``x`` with every optimization off: the file as it is written."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    answer: NDArray[np.float32] = session.run([model.graph.output[0].name], {INPUT: x})[0]
    return answer


def _span(request: OnnxRequest, truth: NDArray[np.float32]) -> float:
    """What differences are shares of: pictures are in [0, 1], maps as far from zero as they are."""
    import numpy as np

    return 1.0 if request.output == OUTPUT else max(1.0, float(np.abs(truth).max()))


def check_answer(
    what: str, answer: NDArray[np.float32], truth: NDArray[np.float32], quantized: bool, span: float = 1.0
) -> None:
    """Raise BuildError unless ``answer`` is ``truth`` but for rounding; ``span``: what is one on their scale."""
    import numpy as np

    if answer.shape != truth.shape:
        raise BuildError(f"{what} answers {list(answer.shape)}, the network {list(truth.shape)}")
    away = np.abs(answer - truth) / span
    if quantized:
        wrong, figure = not float(away.mean()) <= INT8_MEAN_TOLERANCE, f"{away.mean():.2g} on average"
    else:
        wrong, figure = not float(away.max()) <= FLOAT_TOLERANCE, f"up to {away.max():.2g}"
    if wrong:
        raise BuildError(f"{what} answers otherwise than the network it was made from: {figure} away on a scale of 1")
