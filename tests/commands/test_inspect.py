"""``compress inspect``: the facts of a network, and what is refused before it is opened."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from compress.cli import execute
from compress.inspection.facts import Facts
from compress.models import build_net
from compress.models.pruning import count_macs
from compress.models.weights import save_net

Capture = pytest.CaptureFixture[str]


def write(path: Path, domain: str = "", location: str | None = None) -> Path:
    """A Conv of 3 to 8 channels, then Sigmoid and Exp, at any size."""
    weight = helper.make_tensor("w", TensorProto.FLOAT, (8, 3, 3, 3), [0.1] * 216)
    if location is not None:
        weight.ClearField("float_data")
        weight.data_location = TensorProto.EXTERNAL
        for key, value in (("location", location), ("offset", "0"), ("length", "864")):
            entry = weight.external_data.add()
            entry.key, entry.value = key, value
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], name="conv", pads=[1, 1, 1, 1]),
        helper.make_node("Sigmoid", ["a"], ["b"], name="sigmoid"),
        helper.make_node("Exp", ["b"], ["y"], name="exp", domain=domain),
    ]
    sides = [1, 3, "h", "w"]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, sides)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, "h", "w"])], [weight],
    )  # fmt: skip
    imports = [helper.make_opsetid("", 18), *([helper.make_opsetid(domain, 1)] if domain else [])]
    onnx.save(helper.make_model(graph, opset_imports=imports, ir_version=8), str(path))
    return path


def facts(capsys: Capture, *words: str) -> Facts:
    assert execute(("inspect", *words, "--json")) == 0
    return Facts.model_validate(json.loads(capsys.readouterr().out))


def test_the_facts_of_an_onnx_file(tmp_path: Path, capsys: Capture) -> None:
    file = str(write(tmp_path / "net.onnx"))
    found = facts(capsys, file, "--size", "10", "20", "--layers")
    assert [each.shape for each in found.inputs] == [(1, 3, 0, 0)]
    assert [each.shape for each in found.outputs] == [(1, 8, 10, 20)]
    assert (found.parameters, found.macs) == (216, 3 * 8 * 9 * 10 * 20)
    assert found.operators == {"Conv": 1, "Exp": 1, "Sigmoid": 1}
    refused = {(each.target, each.operator): each.outcome for each in found.lacking}
    assert refused["rk3588", "Exp"] == "refused" and ("x86_edge", "Exp") not in refused
    assert {each.operator for each in found.int8_estimate} == {"Exp", "Sigmoid"}
    assert [(each.name, each.shape) for each in found.layers][0] == ("conv", (1, 8, 10, 20))
    assert facts(capsys, file, "--target", "x86_edge").lacking == ()


def test_a_network_of_our_own(tmp_path: Path, capsys: Capture) -> None:
    net = build_net("light_twin", {"width": 8, "depth": 2, "light_width": 4}).eval()
    save_net(net, tmp_path / "net.safetensors")
    found = facts(capsys, str(tmp_path / "net.safetensors"), "--size", "64", "96", "--layers", "--target", "x86_edge")
    assert found.parameters == sum(each.numel() for each in net.parameters())
    assert [each.shape for each in found.outputs] == [(1, 3, 64, 96)]
    assert found.macs is not None and found.macs >= count_macs(net, 64, 96)
    assert ("repair.middle1", (1, 8, 32, 48)) in [(each.name, each.shape) for each in found.layers]


def test_a_callable_and_the_plain_text(capsys: Capture) -> None:
    words = ("inspect", "public_styles:CurveEstimator", "--size", "32", "32", "--target", "jetson")
    assert execute(words) == 0
    text = capsys.readouterr().out
    assert "PRelu 9" in text and "where INT8 may hurt (an estimate" in text and "network: public_styles:Curve" in text


@pytest.mark.parametrize("location", ["../w.bin", "/etc/passwd", "link.bin", "missing.bin", "short.bin"])
def test_external_data_lies_inside_the_folder(tmp_path: Path, capsys: Capture, location: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(864))
    (inside / "link.bin").symlink_to(tmp_path / "w.bin")
    (inside / "short.bin").write_bytes(bytes(863))
    file = write(inside / "net.onnx", location=location)
    assert execute(("inspect", str(file))) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and location in told


def test_what_is_refused(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"\x08\x07not a model")
    (tmp_path / "code.safetensors").write_bytes(b"\x80\x04" + bytes(20))
    custom = write(tmp_path / "custom.onnx", domain="evil")
    for word, wanted in (
        (str(custom), "custom operator evil.Exp, whose library is not loaded"),
        (str(tmp_path / "broken.onnx"), "ONNX file"),
        (str(tmp_path / "code.safetensors"), "a pickle or torch archive"),
        (str(tmp_path / "none.onnx"), "no such file"),
        ("public_styles:Nothing", "AttributeError"),
        ("public_styles:annotations", "public_styles:annotations"),
    ):
        assert execute(("inspect", word)) == 2
        told = capsys.readouterr().err
        assert wanted in told and told.count("\n") == 1
