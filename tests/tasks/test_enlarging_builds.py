"""Builds that enlarge, by SDKs that are not installed with this package: converted for real, where they are ready."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from known_kernels import given, known_kernel
from torch import nn

from compress.metrics import psnr_db
from compress.models import build_net
from compress.models.enhance import to_picture, to_tensor
from compress.operators import OperatorLimit
from compress.runtimes import open_runtime
from compress.runtimes.base import BuildOptions, RunOptions
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.runtimes.rewrites import rewrite_for
from compress.toolchains.environment import mending_command, state

LOW, SCALES = (48, 64), (2, 3, 4)
PICTURE = given("coffee", known_kernel(3, 4), 4)[: LOW[0], : LOW[1]]


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        state(name).kind != "ready", reason=f"toolchain {name} is not ready: {mending_command(name)}"
    )


def network(scale: int) -> nn.Module:
    torch.manual_seed(scale)
    net = build_net("anchor_cnn", {"width": 16, "depth": 2, "scale": scale}).eval()
    with torch.no_grad():
        net.get_submodule("repair.leave").weight.mul_(3.0)  # type: ignore[operator, union-attr]
    return net


def written(scale: int, folder: Path) -> Path:
    export_onnx(network(scale), OnnxRequest(LOW, False, 18, {}), folder / "net.onnx")
    return folder / "net.onnx"


@needs("rknn")
@pytest.mark.parametrize("scale", SCALES)
def test_an_rknn_build_enlarges_as_the_network_does(scale: int, tmp_path: Path) -> None:
    """Without DepthToSpace, which the chip lacks; in float16, so that nothing but the shuffle could be wrong."""
    lacking = (OperatorLimit(operator="DepthToSpace", source="tried"),)
    model, _ = rewrite_for(onnx.load(str(written(scale, tmp_path))), lacking)
    assert "DepthToSpace" not in {node.op_type for node in model.graph.node}
    onnx.save(model, str(tmp_path / "rewritten.onnx"))
    np.save(tmp_path / "frames.npy", to_tensor(PICTURE).numpy())
    runtime, out = open_runtime("rknn"), tmp_path / "out"
    out.mkdir()
    options = BuildOptions("rk3588", tmp_path / "frames.npy")
    files = runtime.build(tmp_path / "rewritten.onnx", "net", out, options)
    answer = runtime.load(out, tuple(files), RunOptions(threads=1)).infer(to_tensor(PICTURE).numpy())
    assert answer.shape == (1, 3, scale * LOW[0], scale * LOW[1])
    with torch.no_grad():
        wanted = to_picture(network(scale)(to_tensor(PICTURE)))
    assert psnr_db(to_picture(torch.from_numpy(answer)), wanted) > 45


@needs("tensorrt")
@pytest.mark.parametrize("scale", SCALES)
def test_the_tensorrt_parser_takes_a_network_that_enlarges(scale: int, tmp_path: Path) -> None:
    runtime, out = open_runtime("tensorrt"), tmp_path / "out"
    out.mkdir()
    files = runtime.build(written(scale, tmp_path), "net", out)
    assert files == ("net.onnx", "net.engine.sh", "net.engine.py", "net.proxy.json")
    shape = onnx.load(str(out / "net.onnx")).graph.output[0].type.tensor_type.shape.dim
    assert [each.dim_value for each in shape] == [1, 3, scale * LOW[0], scale * LOW[1]]
