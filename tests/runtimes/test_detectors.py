"""INT8 builds of a detector for NPUs and boards by the real converters: maps as the contract says, and boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import two_heads
from torch import nn

from compress.bundle.contract import check_build
from compress.detection.decode import decode
from compress.models.fcos_lite import FcosLite
from compress.models.quantized import insert_fake_quant, strip
from compress.parity.bisect import snr_db
from compress.records import BoxMaps, Build, RuntimeName
from compress.runtimes import open_runtime
from compress.runtimes.base import BuildOptions, RunOptions
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.runtimes.maps import BoxRunner, maps_contract
from compress.schema import Scheme
from compress.toolchains.environment import mending_command, state

SIZE = (64, 96)
LAYOUT = BoxMaps(classes=two_heads.CLASSES)


def _fake_quant(scheme: Scheme) -> nn.Module:
    net = FcosLite(8, 2).eval()
    net.load_state_dict({k: v for k, v in two_heads.net().state_dict().items() if not k.startswith("repair")})
    return insert_fake_quant(net, two_heads.frames(4, SIZE), scheme, two_heads.KEPT).eval()


@pytest.mark.parametrize("name", ["tflite", "rknn", "tensorrt"])
def test_an_int8_detector_is_built_and_finds_what_torch_finds(name: RuntimeName, tmp_path: Path) -> None:
    runtime = open_runtime(name)
    if runtime.toolchain is not None and state(runtime.toolchain).kind != "ready":
        pytest.skip(mending_command(runtime.toolchain))
    net = _fake_quant(Scheme(activations="symmetric" if name == "tensorrt" else "affine"))
    export_onnx(strip(net, *SIZE), OnnxRequest(SIZE, False, 18, {}), tmp_path / "source.onnx")
    options = BuildOptions(platform="rk3588" if name == "rknn" else None)
    files = runtime.build(tmp_path / "source.onnx", "net", tmp_path, options)
    found = runtime.inspect(tmp_path, files, None)
    assert found.int8_layers > 20
    build = Build(
        name="int8", variant="int8", runtime=name, files=files, height=SIZE[0], width=SIZE[1], ships=True,
        size_bytes=sum((tmp_path / file).stat().st_size for file in files), inspection=found,
        contract=maps_contract(name, *SIZE, 32, LAYOUT, options),
    )  # fmt: skip
    check_build(build, tmp_path)
    if runtime.why_not_here() is not None:  # an engine is made and run on its board only
        return
    picture = (two_heads.frames(1, SIZE, 9)[0][0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    with torch.no_grad():
        wanted = net(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0].numpy()
    run = BoxRunner(build, tmp_path, RunOptions(threads=1))
    assert snr_db(wanted, run.maps(picture)) > 45
    truth, boxes = decode(wanted, LAYOUT, *SIZE), run(picture)
    assert abs(len(boxes) - len(truth)) <= 2 and len(truth) > 10
    np.testing.assert_allclose(boxes.scores[:5], truth.scores[:5], atol=0.02)
