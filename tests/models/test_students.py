"""What every student keeps to: size, clip, gradients, files, pruning, fake-quant, export and the targets' operators."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from compress.config.load import load_target
from compress.models import NETWORKS, STUDENT_NAMES, build_net, network_class
from compress.models.pruning import count_macs, prune_until
from compress.models.quantized import insert_fake_quant, read_table, strip
from compress.models.reparameterize import branched, centred, collapse
from compress.models.weights import PRUNED, load_net, save_net
from compress.runtimes import open_runtime
from compress.runtimes.agreement import INT8_MEAN_TOLERANCE
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import OnnxRequest, answer_of, export_onnx
from compress.runtimes.rewrites import rewrite_file
from compress.schema import QuantizeSpec, Scheme

ROOT = Path(__file__).resolve().parents[2]
MAX_PARAMS = {"isp_cnn": 150_000}
"""Where it is not 100,000: a published network."""
SIZE = (64, 96)
SMALL = {
    "width": 16, "depth": 2, "light_width": 8, "iterations": 3, "blocks": 2, "deep_width": 16, "deep": 1, "fold": 2,
}  # fmt: skip
INT8_DISTANCE = 0.02
"""Largest mean difference between a moved, untrained network and its plain PTQ self, on a scale of 1."""

OPENVINO_DISTANCE = 5e-3
"""Mean distance of OpenVINO's bytes from torch's floats: half a code of rounding, and int8 edges taken otherwise."""

KEPT = {"light_twin": ("light",), "rir": ("light",), "isp_cnn": ("encoder",)}
"""What stays float here. The light branch of ``light_twin``, which ``rir`` has too, in int8, which no recipe asks for,
answers otherwise in OpenVINO than in torch, by .016 on average with these weights, and the encoder of ``isp_cnn`` by
.014; others are in int8 throughout."""

every_student = pytest.mark.parametrize("name", (*STUDENT_NAMES, "isp_cnn"))
"""And what is larger than a student, is trained without pairs, and ships like one."""


def small(name: str) -> nn.Module:
    """A small one in eval mode, as after training: every parameter somewhere else."""
    torch.manual_seed(0)
    net = build_net(name, {key: SMALL[key] for key in NETWORKS[name].defaults})
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    return net.eval()


def dark(count: int = 1, size: tuple[int, int] = SIZE) -> Tensor:
    torch.manual_seed(1)
    return torch.randint(0, 64, (count, 3, *size)) / 255.0


@cache
def fake(name: str, activations: str) -> nn.Module:
    scheme, spec = Scheme(activations=activations), QuantizeSpec(keep_float=KEPT.get(name, ()))  # type: ignore[arg-type]
    return insert_fake_quant(small(name), [dark()], scheme, spec)


@every_student
def test_it_is_small_at_its_defaults(name: str) -> None:
    assert 1_000 < sum(p.numel() for p in build_net(name, {}).parameters()) <= MAX_PARAMS.get(name, 100_000)


@every_student
def test_its_settings_are_those_of_the_registry(name: str) -> None:
    net = build_net(name, {})
    assert net.settings == NETWORKS[name].defaults
    with pytest.raises(TypeError, match="bogus"):
        build_net(name, {"bogus": 1})
    assert isinstance(net, network_class(name))


@every_student
def test_each_setting_changes_the_network(name: str) -> None:
    def looked_at(settings: dict[str, int]) -> tuple[int, Tensor]:
        torch.manual_seed(0)
        net = build_net(name, settings).eval()
        return sum(p.numel() for p in net.parameters()), net(dark()).detach()

    here = {key: SMALL[key] for key in NETWORKS[name].defaults}
    count, answer = looked_at(here)
    for key in here:
        more, other = looked_at({**here, key: here[key] * 2})
        assert more > count or (key == "iterations" and more == count), key
        assert not torch.equal(other, answer), key


@every_student
def test_it_takes_multiples_of_its_size_and_clips_in_eval_only(name: str) -> None:
    net = small(name)
    multiple = int(net.size_multiple)  # type: ignore[arg-type]
    loud = build_net(name, {}).train()
    with torch.no_grad():
        for size in ((multiple, 3 * multiple), SIZE):
            y = net(dark(2, size))
            assert y.shape == (2, 3, *size) and y.dtype == torch.float32
            assert 0.0 <= float(y.min()) and float(y.max()) <= 1.0
        for parameter in loud.parameters():
            parameter.mul_(3.0)
        x = torch.rand(1, 3, *SIZE)
        y = loud(x)
        torch.testing.assert_close(loud.eval()(x), y.clamp(0.0, 1.0))


@every_student
def test_a_shrunk_picture_says_the_size_of_its_thumbnail(name: str) -> None:
    """Training at half and quarter size: the answer to a shrunk flat picture is the shrunk answer's."""
    net = small(name)
    with torch.no_grad():
        whole = net(torch.full((1, 3, 128, 128), 0.1))[:, :, 64, 64]
        for shrunk in (2, 4):
            side = 128 // shrunk
            some = net(torch.full((1, 3, side, side), 0.1), 8 // shrunk)
            assert some.shape == (1, 3, side, side)
            torch.testing.assert_close(some[:, :, side // 2, side // 2], whole, atol=0.1, rtol=0)


@every_student
@pytest.mark.parametrize("form", [lambda net: net, centred, branched], ids=["plain", "centred", "branched"])
def test_gradients_reach_every_parameter(name: str, form: object) -> None:
    torch.manual_seed(0)
    net = form(build_net(name, {})).train()  # type: ignore[operator]
    (net(dark(2)) - torch.rand(2, 3, *SIZE)).square().mean().backward()
    without = [key for key, p in net.named_parameters() if p.grad is None or not bool(p.grad.abs().sum() > 0)]
    assert without == []
    with torch.no_grad():
        torch.testing.assert_close(collapse(net)(dark()), net.eval()(dark()), atol=1e-5, rtol=1e-4)


@every_student
def test_it_is_pruned_to_a_multiple_and_comes_back_from_its_file(name: str, tmp_path: Path) -> None:
    net = small(name)
    before = count_macs(net, *SIZE)
    found = prune_until(net, lambda _n, macs: macs <= 0.7 * before, lambda _n: None, "magnitude", 8, (), SIZE)
    reduced, cuts = found.net, found.cuts
    assert cuts and count_macs(reduced, *SIZE) <= 0.7 * before
    touched = {cut.module for cut in cuts}
    widths = {key: m.out_channels for key, m in reduced.named_modules() if isinstance(m, nn.Conv2d)}
    assert all(widths[key] % 8 == 0 for key in touched)
    save_net(reduced, tmp_path / "net.safetensors", {PRUNED: "yes"})
    again = load_net(tmp_path / "net.safetensors")
    assert type(again) is type(net)
    with torch.no_grad():
        assert torch.equal(again(dark()), reduced(dark()))
        assert reduced(dark()).shape == (1, 3, *SIZE)


@every_student
@pytest.mark.parametrize("activations", ["affine", "symmetric"])
def test_every_convolution_is_quantized_and_the_cameras_codes_are_exact(name: str, activations: str) -> None:
    scheme = Scheme(activations=activations)  # type: ignore[arg-type]
    table = read_table(fake(name, activations), scheme, ())
    modules = [(key, m) for key, m in small(name).named_modules() if not key.startswith(KEPT.get(name, "-"))]
    convolutions = {key.replace(".", "/") for key, m in modules if isinstance(m, nn.Conv2d)}
    weights = {row.tensor.split("/conv2d")[0] for row in table.tensors if row.kind == "weight"}
    assert weights - {"unshuffle"} == convolutions
    fed = [row for row in table.tensors if row.tensor.startswith("x ")]
    assert bool(fed) == (activations == "affine" and "unshuffle" in dict(small(name).named_children()))
    assert all(row.scale == pytest.approx((1 / 255,)) and row.zero_point == (0,) for row in fed)


@every_student
def test_image_space_stays_out_of_int8(name: str) -> None:
    """Everything but the picture's own arithmetic kept float: of the camera's codes nothing is lost."""
    net = small(name)
    kept = tuple(key for key, _ in net.named_children() if key != "unshuffle")
    quantized = insert_fake_quant(small(name), [dark()], Scheme(), QuantizeSpec(keep_float=kept)).eval()
    with torch.no_grad():
        torch.testing.assert_close(quantized(dark()), net(dark()), atol=1e-5, rtol=0)


@every_student
@pytest.mark.parametrize("activations", ["affine", "symmetric"])
def test_fake_quant_stripped_and_exported_gives_the_same_picture(name: str, activations: str, tmp_path: Path) -> None:
    net, quantized = small(name), fake(name, activations).eval()
    export_onnx(strip(quantized, *SIZE), OnnxRequest(SIZE, False, 18, {}), tmp_path / "int8.onnx")
    export_onnx(net, OnnxRequest(SIZE, False, 18, {}), tmp_path / "fp32.onnx")
    x = dark()
    with torch.no_grad():
        floating, truth = net(x).numpy(), quantized(x).numpy()
    answer = answer_of(onnx.load(tmp_path / "int8.onnx"), x.numpy())
    assert float(np.abs(answer - truth).mean()) <= INT8_MEAN_TOLERANCE
    assert float(np.abs(truth - floating).mean()) <= INT8_DISTANCE
    runtime = open_runtime("openvino")
    for kind, wanted in (("int8", truth), ("fp32", floating)):
        files = runtime.build(tmp_path / f"{kind}.onnx", f"{kind}-net", tmp_path)
        shown = runtime.load(tmp_path, files, RunOptions(1)).infer(x.numpy())
        assert float(np.abs(shown - wanted).mean()) <= OPENVINO_DISTANCE, kind


def _limited() -> list[Path]:
    return [path for path in sorted((ROOT / "targets").glob("*.yaml")) if load_target(path).export.lacking]


@every_student
def test_every_target_has_its_operators_or_other_forms_of_them(name: str, tmp_path: Path) -> None:
    export_onnx(small(name), OnnxRequest(SIZE, False, 18, {}), tmp_path / "fp32.onnx")
    export_onnx(strip(fake(name, "affine"), *SIZE), OnnxRequest(SIZE, False, 18, {}), tmp_path / "int8.onnx")
    limits = {load_target(path).export.lacking for path in _limited()}
    assert limits
    for lacking in limits:
        for kind in ("fp32", "int8"):
            rewrite_file(tmp_path / f"{kind}.onnx", tmp_path / "rewritten.onnx", lacking)
