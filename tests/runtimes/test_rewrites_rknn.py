"""The rewritten forms in Rockchip's own compiler and simulator: taken, on the NPU, and right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from one_node import model_of
from onnx import helper

from compress.config.load import load_target
from compress.runtimes import open_runtime
from compress.runtimes.base import BuildOptions, RunOptions
from compress.runtimes.interchange import answer_of
from compress.runtimes.rewrites import rewrite_file
from compress.toolchains.environment import mending_command, state

ROOT = Path(__file__).resolve().parents[2]
SHAPE = (1, 3, 34, 46)
HALF_PRECISION = 6e-3
"""The simulator computes in float16."""

pytestmark = pytest.mark.skipif(
    state("rknn").kind != "ready", reason=f"toolchain rknn is not ready: {mending_command('rknn')}"
)


def everything() -> onnx.ModelProto:
    """A picture to a picture of the same size, through layers that no Rockchip NPU has."""

    def node(kind: str, inputs: list[str], out: str, **attributes: object) -> onnx.NodeProto:
        return helper.make_node(kind, inputs, [out], name=f"/{out}", **attributes)

    constants = {
        "hw": np.asarray([2, 3], np.int64), "gamma": np.asarray(1 / 2.2, np.float32),
        "one": np.asarray(1, np.float32), "most": np.asarray(0.9, np.float32), "none": np.asarray(0, np.float32),
        "twice": np.asarray([1, 1, 2, 2], np.float32), "start": np.asarray([1, 1], np.int64),
        "end": np.asarray([999, 999], np.int64), "step": np.asarray([2, 2], np.int64),
    }  # fmt: skip
    nodes = [
        node("SpaceToDepth", ["dark"], "blocks", blocksize=2),
        node("Pow", ["blocks", "gamma"], "bright0"),
        node("ReduceMax", ["bright0", "hw"], "top", keepdims=1),
        node("Clip", ["top", "most", "one"], "more"),
        node("Reciprocal", ["more"], "gain"),
        node("Mul", ["bright0", "gain"], "scaled"),
        node("Resize", ["scaled", "", "twice"], "large", mode="cubic", coordinate_transformation_mode="half_pixel"),
        node("Slice", ["large", "start", "end", "hw", "step"], "small"),
        node("Min", ["small", "most"], "lower"),
        node("Clip", ["lower", "none", "one"], "clipped"),
        node("DepthToSpace", ["clipped"], "bright", blocksize=2, mode="CRD"),
    ]
    return onnx.shape_inference.infer_shapes(model_of(nodes, SHAPE, constants))


@pytest.mark.parametrize("chip", ["rk3588", "rk3566"])
def test_layers_no_npu_has_are_rewritten_built_and_right(chip: str, tmp_path: Path) -> None:
    source, rewritten = tmp_path / "all.onnx", tmp_path / "npu.onnx"
    model = everything()
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("bright", onnx.TensorProto.FLOAT, SHAPE))
    onnx.save(model, source)
    done = rewrite_file(source, rewritten, load_target(ROOT / "targets" / f"{chip}.yaml").export.lacking)
    assert {each.operator for each in done} == {
        "SpaceToDepth", "Pow", "ReduceMax", "Reciprocal", "Resize", "Slice", "Min"
    }  # fmt: skip
    runtime = open_runtime("rknn")
    files = runtime.build(rewritten, "all", tmp_path, BuildOptions(platform=chip))
    x = np.random.default_rng(7).integers(0, 256, SHAPE).astype(np.float32) / np.float32(255)
    answer = runtime.load(tmp_path, files, RunOptions(threads=1, float_precision="f16")).infer(x)
    assert np.abs(answer - answer_of(model, x)).max() <= HALF_PRECISION
