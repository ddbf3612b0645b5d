"""Layers that a device lacks, written with operators that it has: one file a family, one line each here.

A rewrite gives patches in order of preference; the first that the device takes whole stands. Every one is
proved equal to what it replaces on random input, in float and in quantized graphs (tests/runtimes/test_rewrites.py);
quantize and dequantize nodes stay where they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from compress.errors import BuildError
from compress.operators import Rewritten
from compress.runtimes.rewrites.graph import Graph, Patch, layer_of
from compress.runtimes.rewrites.limits import Limits, complaint

if TYPE_CHECKING:
    import onnx

Rewrite = Callable[[Graph, "onnx.NodeProto", Limits], Iterator[Patch]]

REWRITES = {
    "DepthToSpace": "compress.runtimes.rewrites.shuffle:depth_to_space",
    "SpaceToDepth": "compress.runtimes.rewrites.shuffle:space_to_depth",
    "PRelu": "compress.runtimes.rewrites.arithmetic:prelu",
    "Min": "compress.runtimes.rewrites.arithmetic:minimum",
    "Reciprocal": "compress.runtimes.rewrites.arithmetic:reciprocal",
    "Div": "compress.runtimes.rewrites.arithmetic:one_over",
    "ReduceSum": "compress.runtimes.rewrites.pooling:total",
    "GlobalAveragePool": "compress.runtimes.rewrites.pooling:whole_picture",
    "GlobalMaxPool": "compress.runtimes.rewrites.pooling:whole_picture",
    "ReduceMean": "compress.runtimes.rewrites.pooling:whole_picture",
    "ReduceMax": "compress.runtimes.rewrites.pooling:whole_picture",
    "AveragePool": "compress.runtimes.rewrites.pooling:window",
    "MaxPool": "compress.runtimes.rewrites.pooling:window",
    "Pow": "compress.runtimes.rewrites.power:power",
    "Resize": "compress.runtimes.rewrites.resize:resize",
    "Slice": "compress.runtimes.rewrites.selection:slices",
    "Split": "compress.runtimes.rewrites.selection:split",
    "Gather": "compress.runtimes.rewrites.selection:gather",
}
_WAYS_OUT = {
    "Resize": "use nearest, or linear with align_corners=False, by a whole factor",
    "Pow": "use an exponent that is a small number of eighths, or clip its input to [0, 1] before",
    "Div": "divide by something that is certainly positive (behind a Clip, Sigmoid or Relu)",
    "Reciprocal": "divide by something that is certainly positive (behind a Clip, Sigmoid or Relu)",
    "AveragePool": "use a window that is a product of smaller ones, with stride equal to it and no padding",
    "DepthToSpace": "export a fixed size (no free height or width)",
}


def rewrite_for(model: onnx.ModelProto, lacking: Limits) -> tuple[onnx.ModelProto, tuple[Rewritten, ...]]:
    """A copy of ``model`` (opset 13 or newer, float or QDQ) that keeps all limits, and what was rewritten.

    Raises BuildError naming operator, layer and way out for the first layer that can't be written otherwise.
    """
    changed, patches = _rewritten(model, lacking)
    return changed, _told(patches)


def _rewritten(model: onnx.ModelProto, lacking: Limits) -> tuple[onnx.ModelProto, list[Patch]]:
    """A changed copy, and what took the place of each layer that the device does not take as it is."""
    graph = Graph(model)
    patches: list[Patch] = []
    for node in model.graph.node:
        problem = complaint(graph, node, lacking)
        if problem:
            graph, patch = _mended(graph, node, problem, lacking)
            patches.append(patch)
    return _without_unused(graph.model), patches


def _told(patches: list[Patch]) -> tuple[Rewritten, ...]:
    return tuple(
        Rewritten(layer=layer_of(each.node), operator=each.node.op_type, form=each.form,
                  exactness=each.exactness, max_error=each.max_error)
        for each in patches
    )  # fmt: skip


def rewrite_file(source: Path, out: Path, lacking: Limits) -> tuple[Rewritten, ...]:
    """Write ``source`` rewritten to ``out``, checked, and answering as ``source`` does; gives what was rewritten.

    Where nothing has to be rewritten, ``out`` is ``source`` byte for byte. Raises BuildError.
    """
    import shutil

    import onnx

    model = onnx.load(str(source))
    changed, patches = _rewritten(model, lacking)
    if not patches:
        shutil.copyfile(source, out)
        return ()
    onnx.checker.check_model(changed, full_check=True)
    _check(source.name, model, changed, patches)
    onnx.save(changed, str(out))
    return _told(patches)


def _mended(graph: Graph, node: onnx.NodeProto, problem: str, limits: Limits) -> tuple[Graph, Patch]:
    for patch in forms(graph, node, limits):
        changed = graph.replaced(node, patch)
        if not any(complaint(changed, each, limits) for each in patch.nodes):
            return changed, patch
    default = "replace the layer in the network" if node.op_type not in REWRITES else "change the layer's settings"
    raise BuildError(
        f"{node.op_type} '{layer_of(node)}': {problem}, and no other form of it fits; "
        f"{_WAYS_OUT.get(node.op_type, default)}, or build for another target"
    )


def forms(graph: Graph, node: onnx.NodeProto, limits: Limits) -> Iterator[Patch]:
    """All other ways to write a node, best first; ``limits`` bound their windows and factors. May be none."""
    if node.op_type not in REWRITES or node.domain not in ("", "ai.onnx"):
        return iter(())
    module, name = REWRITES[node.op_type].split(":")
    rewrite: Rewrite = getattr(import_module(module), name)
    return rewrite(graph, node, limits)


def _without_unused(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop constants that no node reads any more."""
    used = {name for node in model.graph.node for name in node.input} | {value.name for value in model.graph.output}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)
    for node in [node for node in model.graph.node if node.op_type == "Constant" and node.output[0] not in used]:
        model.graph.node.remove(node)
    return model


def _check(name: str, before: onnx.ModelProto, after: onnx.ModelProto, patches: list[Patch]) -> None:
    """The file must answer as before with every exact form in its place.

    Approximate forms are left out of that: their error was measured when they were fitted, and would hide a wrong form.
    """
    import numpy as np

    from compress.runtimes.agreement import check_answer
    from compress.runtimes.interchange import INPUT, answer_of, is_quantized

    exact = [each for each in patches if each.exactness != "approximate"]
    if len(exact) < len(patches):
        graph = Graph(before)
        for patch in exact:
            graph = graph.replaced(patch.node, patch)
        after = graph.model
    sides = [side.dim_value or 64 for side in before.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(0).random(sides, np.float32) * np.float32(0.25)
    assert before.graph.input[0].name == INPUT
    check_answer(f"{name} (rewritten)", answer_of(after, x), answer_of(before, x), is_quantized(before))
