"""How far a network looks is enough, and no more than what its graph says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compress.bundle.reach import Tiling, tiling_of
from compress.runtimes.interchange import answer_of
from compress.runtimes.tiles import tiled

SIDE, TILE = 128, 64


def weights(name: str, *shape: int) -> onnx.TensorProto:
    values = np.random.default_rng(len(name)).random(shape, np.float32) / np.float32(np.prod(shape[1:]))
    return numpy_helper.from_array(values, name)


def conv(source: str, target: str, weight: str, kernel: int, stride: int = 1, dilation: int = 1) -> onnx.NodeProto:
    pad = (kernel - 1) * dilation // 2
    return helper.make_node(
        "Conv", [source, weight], [target], name=target, kernel_shape=[kernel] * 2, strides=[stride] * 2,
        dilations=[dilation] * 2, pads=[pad] * 4,
    )  # fmt: skip


def model(nodes: list[onnx.NodeProto], kept: list[onnx.TensorProto], side: int) -> onnx.ModelProto:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 3, side, side)) for name in ("dark", "bright")]
    graph = helper.make_graph(nodes, "net", ends[:1], ends[1:], kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def local_net(side: int, mode: str = "linear") -> onnx.ModelProto:
    """A thumbnail that is made larger again, and two convolutions, one dilated."""
    way = {"linear": "half_pixel", "nearest": "asymmetric"}[mode]
    nodes = [
        helper.make_node("AveragePool", ["dark"], ["small"], kernel_shape=[4, 4], strides=[4, 4]),
        conv("small", "seen", "w3", 3), helper.make_node("Relu", ["seen"], ["lit"]),
        helper.make_node("Resize", ["lit", "", "times"], ["large"], mode=mode, coordinate_transformation_mode=way,
                         nearest_mode="floor"),
        helper.make_node("Add", ["large", "dark"], ["both"]), conv("both", "near", "w3", 3),
        conv("near", "bright", "w33", 3, dilation=2),
    ]  # fmt: skip
    times = numpy_helper.from_array(np.array([1, 1, 4, 4], np.float32), "times")
    return model(nodes, [weights("w3", 3, 3, 3, 3), weights("w33", 3, 3, 3, 3), times], side)


def answers(net: onnx.ModelProto, picture: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return answer_of(net, np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))[0].transpose(1, 2, 0)


@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_tiles_with_the_halo_are_the_whole_frame_and_with_less_are_not(mode: str) -> None:
    found = tiling_of(local_net(SIDE, mode), 4)
    assert found.exact and found.halo_px is not None and found.whole == ()
    halo = -(-found.halo_px // 4) * 4  # tiles start at multiples of what the thumbnail is made of
    assert 4 <= halo < TILE // 2
    frame = np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)
    small, whole = local_net(TILE, mode), answers(local_net(SIDE, mode), frame)
    with_halo = tiled(lambda tile: answers(small, tile), frame, (TILE, TILE), halo)  # type: ignore[arg-type, return-value]
    assert np.abs(with_halo - whole).max() < 1e-6
    without = tiled(lambda tile: answers(small, tile), frame, (TILE, TILE), 0)  # type: ignore[arg-type, return-value]
    assert np.abs(without - whole).max() > 1e-3


def test_reach_is_that_of_the_pixels_that_do_something() -> None:
    """Pixel by pixel: what is farther than the halo changes nothing, and something within five pixels of it does."""
    net = local_net(SIDE)
    found = tiling_of(net, 4)
    assert found.halo_px is not None
    frame = np.full((SIDE, SIDE, 3), 0.5, np.float32)
    plain = answers(net, frame)
    seen = 0
    for row in range(40, 48):
        lit = frame.copy()
        lit[row, 44] += 1.0
        places = np.argwhere(np.abs(answers(net, lit) - plain).max(axis=2) > 0)
        seen = max(seen, int(np.abs(places[:, 0] - row).max()))
    assert found.halo_px - 5 <= seen <= found.halo_px


def test_a_look_at_the_whole_picture_is_named() -> None:
    nodes = [
        helper.make_node("GlobalAveragePool", ["dark"], ["mean"], name="how bright"), conv("dark", "near", "w3", 3),
        helper.make_node("Mul", ["near", "mean"], ["bright"]),
    ]  # fmt: skip
    found = tiling_of(model(nodes, [weights("w3", 3, 3, 3, 3)], SIDE), 8)
    assert (found.exact, found.halo_px, found.whole, found.start_multiple) == (False, 1, ("how bright",), 8)
    assert "how bright" in found.note


def test_blocks_and_transposed_convolutions() -> None:
    nodes = [
        helper.make_node("SpaceToDepth", ["dark"], ["blocks"], blocksize=2), conv("blocks", "seen", "w12", 3),
        helper.make_node("DepthToSpace", ["seen"], ["up"], blocksize=2), conv("up", "down", "w2", 2, stride=2),
        helper.make_node("ConvTranspose", ["down", "t2"], ["bright"], kernel_shape=[2, 2], strides=[2, 2]),
    ]  # fmt: skip
    kept = [weights("w12", 12, 12, 3, 3), weights("w2", 3, 3, 2, 2), weights("t2", 3, 3, 2, 2)]
    found = tiling_of(model(nodes, kept, SIDE), 2)
    assert found.exact and found.halo_px in range(3, 7)


def test_what_is_not_known_is_said() -> None:
    found = tiling_of(model([helper.make_node("Transpose", ["dark"], ["bright"], name="t")], [], SIDE), 8)
    assert (found.exact, found.halo_px) == (False, None) and "Transpose t" in found.note


def test_it_is_written_and_read(tmp_path: Path) -> None:
    found = tiling_of(local_net(SIDE), 4)
    found.write(tmp_path / "tiling.json")
    assert Tiling.read(tmp_path / "tiling.json") == found
