"""``compress inspect``: the facts of a network, and what is refused before it is opened."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
import torch
from foreign_nets import NETWORKS, Single, make, source, write_onnx, write_pt2, write_torchscript
from onnx import TensorProto, helper
from safetensors.torch import save_file

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


def test_the_work_by_each_way_of_counting(tmp_path: Path, capsys: Capture) -> None:
    found = facts(capsys, str(write(tmp_path / "net.onnx")), "--size", "10", "20", "--target", "x86_edge")
    assert [(each.size, each.macs, each.flops) for each in found.conventions] == [
        (f"{w}x{h}", 216 * h * w, 432 * h * w) for h, w in ((256, 256), (400, 600), (480, 640))
    ]
    spec = write_onnx(torch.nn.Conv2d(3, 3, 1), tmp_path / "only.onnx", (32, 48), free=False)
    assert facts(capsys, str(spec.network), "--target", "x86_edge").conventions == ()  # it takes none of these sizes


def test_a_network_of_ours_that_is_not_trained_yet(capsys: Capture) -> None:
    words = ("inspect", "ldfc:P", "--size", "64", "96", "--target", "x86_edge")
    assert execute(words) == 0
    text = capsys.readouterr().out
    assert "parameters  49,691" in text and "student:\n  network: ldfc\n  variant: P\n" in text
    assert "counted as  MACs 256x256 2.977 G, 600x400 10.903 G, 640x480 13.955 G" in text
    assert "counted as  FLOPs (2 each) 256x256 5.954 G" in text
    assert execute(("inspect", "ldfc:Q")) == 2 and execute(("inspect", "ldfz")) == 2


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
        ("no_such:Net", "no module 'no_such' with a source file; give"),
    ):
        assert execute(("inspect", word)) == 2
        told = capsys.readouterr().err
        assert wanted in told and told.count("\n") == 1


STYLES = Path(__file__).parents[1] / "public_styles.py"


def saved(name: str, folder: Path) -> tuple[str, str, str]:
    """A network of ``public_styles`` with weights of its own, as words of the command."""
    import public_styles

    torch.save(getattr(public_styles, name)().state_dict(), folder / "net.pth")
    return f"{STYLES}:{name}", "--weights", str(folder / "net.pth")


@pytest.mark.parametrize(
    ("name", "pictures", "multiple", "operator"),
    [
        ("CurveEstimator", ("0",), 1, "PRelu"),
        ("Transformer", ("output",), 8, "Softmax"),
        ("Decomposition", ("0",), 1, "Sigmoid"),
        ("FewParameters", ("output",), 1, "PRelu"),
        ("InPlace", ("output",), 1, "Clip"),
    ],
)
def test_networks_in_the_style_of_public_ones(
    name: str, pictures: tuple[str, ...], multiple: int, operator: str, tmp_path: Path, capsys: Capture
) -> None:
    found = facts(capsys, *saved(name, tmp_path), "--size", "30", "44", "--target", "rk3588")
    assert found.graph_problem is None and operator in found.operators
    assert (found.pictures[:1], found.size_multiple) == (pictures[:1], multiple)
    assert found.size == ((32, 48) if multiple == 8 else (30, 44))
    assert bool(found.warnings) == (multiple == 8)
    assert [way.use for way in found.ways if way.problem is None] == ["teacher", "ptq", "adopt"]
    assert f"    size_multiple: {multiple}" in "\n".join(found.ways[0].lines)
    if name == "FewParameters":
        assert found.parameters == 58


def test_what_cannot_be_traced_has_all_that_torch_alone_gives(tmp_path: Path, capsys: Capture) -> None:
    found = facts(capsys, *saved("ByBrightness", tmp_path), "--size", "32", "48", "--layers")
    assert "path depends on the picture (public_styles.py:" in str(found.graph_problem)
    assert (found.operators, found.lacking) == ({}, ())
    assert found.macs == (3 * 9 * 16 + 16 * 3) * 32 * 48 and found.parameters == 2 * 448 + 32 + 51
    assert ("norm", (1, 16, 32, 48), True) in [(each.name, each.shape, each.hint) for each in found.layers]
    fit = {way.use: way.problem is None for way in found.ways}
    assert fit == {"teacher": True, "ptq": False, "adopt": False}
    assert execute(("inspect", *saved("ByBrightness", tmp_path), "--size", "32", "48")) == 0
    text = capsys.readouterr().out
    (line,) = (line for line in text.splitlines() if line.startswith("warning"))
    assert "reads a tensor's value" in line and "distil it into a student" in line


def test_layers_that_hints_and_pruning_can_have(tmp_path: Path, capsys: Capture) -> None:
    found = facts(capsys, *saved("Tied", tmp_path), "--size", "32", "32", "--layers", "--target", "x86_edge")
    kept = {each.name: each.kept_whole for each in found.layers}
    assert "shares its weights with 'two'" in str(kept["one"]) and kept["free"] is None
    assert "the network's output" in str(kept["leave"])
    curve = facts(capsys, *saved("CurveEstimator", tmp_path), "--size", "32", "32", "--layers")
    assert {each.name: each.runs for each in curve.layers} == {"enter": 1, "act": 9, "body": 8, "leave": 1}
    assert execute(("inspect", *saved("Transformer", tmp_path), "--size", "32", "32", "--layers")) == 0
    text = capsys.readouterr().out
    assert "\n  - qkv 1x16x48" in text and "\n  patches 1x16x4x4" in text


@pytest.mark.parametrize("kind", ["onnx", "pt2", "torchscript"])
def test_files_that_hold_the_whole_network(kind: str, tmp_path: Path, capsys: Capture) -> None:
    author = Single(make("curve.Curve"), 1)
    if kind == "onnx":
        spec = write_onnx(author, tmp_path / "net.onnx")
    else:
        spec = write_pt2(author, tmp_path / "n.pt2") if kind == "pt2" else write_torchscript(author, tmp_path / "n.pt")
    words = (str(spec.network), *(("--trust", "torchscript") if kind == "torchscript" else ()), "--size", "32", "48")
    found = facts(capsys, *words, "--layers")
    assert (found.kind, found.parameters, found.operators["Conv"]) == (kind, 4297, 3)
    assert [each.shape for each in found.outputs] == [(1, 3, 32, 48)]
    assert found.layers and not any(each.hint for each in found.layers)
    fit = {way.use: way.problem is None for way in found.ways}
    assert fit == {"teacher": True, "ptq": kind != "torchscript", "adopt": False}
    assert execute(("inspect", *words, "--layers")) == 0
    assert "no hint can be fed from them: a" in capsys.readouterr().out


def test_a_file_of_one_size_is_a_tile(tmp_path: Path, capsys: Capture) -> None:
    write_onnx(Single(make("curve.Curve"), 1), tmp_path / "net.onnx", free=False)
    found = facts(capsys, str(tmp_path / "net.onnx"))
    assert (found.fixed_size, found.size, found.size_multiple) == ((32, 48), (32, 48), None)
    teacher, ptq, _adopt = found.ways
    assert "    tile: [32, 48]  # the only size that it takes" in teacher.lines
    assert not any("tile" in line for line in ptq.lines) and "target.export.size=[32,48]" in ptq.lines[-1]


def test_a_file_that_can_t_be_converted_can_teach_only(tmp_path: Path, capsys: Capture) -> None:
    write_onnx(Single(make("curve.Curve"), 1), tmp_path / "net.onnx")
    model = onnx.load(str(tmp_path / "net.onnx"))
    last = model.graph.node[-1]
    last.output[0], name = "before", last.output[0]
    model.graph.node.append(helper.make_node("Hardmax", ["before"], [name], name="hard"))
    onnx.save(model, str(tmp_path / "net.onnx"))
    teacher, ptq, adopt = facts(capsys, str(tmp_path / "net.onnx"), "--size", "32", "48").ways
    assert teacher.problem is None and "Hardmax" in str(ptq.problem) and "network.onnx" not in str(ptq.problem)
    assert "its layers can't be changed" in str(adopt.problem)


def test_a_network_that_enlarges_is_refused_as_a_run_refuses_it(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def net():\n    return nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))\n"
    )
    found = facts(capsys, f"{tmp_path}/net.py:net", "--size", "32", "32")
    assert {way.use for way in found.ways} == {"teacher", "ptq", "adopt"}
    for way in found.ways:
        assert way.problem == (
            "it enlarges by 2, and a network from outside answers at its input's size here; of ours one learns that "
            "from pictures: recipe=sr task.scale=2"
        )


def test_weights_of_many_forms(tmp_path: Path, capsys: Capture) -> None:
    spec = source("curve.Curve", tmp_path)
    state = {f"module.{name}": value for name, value in make("curve.Curve").state_dict().items()}
    torch.save({"epoch": 3, "net": state}, tmp_path / "deep.pth")
    (tmp_path / "hub").mkdir()
    save_file(make("curve.narrow").state_dict(), tmp_path / "hub" / "model.safetensors")
    (tmp_path / "hub" / "config.json").write_text('{"width": 4}')
    size = ("--size", "32", "48", "--target", "x86_edge")
    assert facts(capsys, str(spec.network), "--weights", str(tmp_path / "hub"), *size).parameters < 4297
    deep = (str(spec.network), "--weights", str(tmp_path / "deep.pth"))
    found = facts(capsys, *deep, "--entry", "net", "--prefix", "module.", *size)
    assert (found.parameters, found.warnings) == (4297, ())
    assert f"weights: {tmp_path}/deep.pth, entry: net, prefix: module." in found.ways[0].lines[1]
    for words, says in (
        (deep, "set --entry to the one that is: epoch, net"),
        ((*deep, "--entry", "net"), "set --prefix"),
        ((f"{NETWORKS}/pair.py:Pair", *deep[1:], "--entry", "net", "--prefix", "module."), "the weights don't fit"),
        ((str(tmp_path / "deep.pth"),), "weights without the network; give FILE.py:callable and this as --weights"),
        ((str(tmp_path / "hub" / "model.safetensors"),), "weights without the network"),
    ):
        assert execute(("inspect", *words)) == 2
        told = capsys.readouterr().err
        assert says in told and told.count("\n") == 1 and "source." not in told


def test_a_network_that_takes_none_of_the_sizes(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "net.py").write_text("from torch import nn\ndef net():\n    return nn.Linear(33, 33)\n")
    assert execute(("inspect", f"{tmp_path}/net.py:net", "--size", "32", "32")) == 2
    told = capsys.readouterr().err
    assert "nor on multiples of 1 to 64; give a size that it takes (--size H W)" in told and told.count("\n") == 1
    found = facts(capsys, f"{tmp_path}/net.py:net", "--size", "11", "33")
    assert found.size_multiple is None and found.pictures == ("output",)
    assert any(
        "no size multiple that was tried runs: the network fails on 1x3x65x67" in line for line in found.warnings
    )
    assert any(line.startswith("    size_multiple: FILL_IN  # tried: 1, 2, 4") for line in found.ways[0].lines)
