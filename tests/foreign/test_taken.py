"""Networks of every kind taken in, and opened again without what they came from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from foreign_nets import (
    CURVE,
    MOODY,
    NETWORKS,
    PAIR,
    PICTURE,
    Single,
    make,
    source,
    write_onnx,
    write_pt2,
    write_torchscript,
)
from safetensors.torch import save_file
from torch import Tensor

from compress.artefacts import FOREIGN
from compress.errors import ConfigError, WeightsError
from compress.foreign.identity import source_identity
from compress.foreign.taken import take_in
from compress.models.weights import load_net
from compress.schema import AdapterSpec, SourceSpec


def taken(spec: SourceSpec, adapter: AdapterSpec, folder: Path) -> torch.nn.Module:
    folder.mkdir()
    take_in(spec, adapter, folder)
    return load_net(folder / FOREIGN)


def dark() -> Tensor:
    torch.manual_seed(3)
    return torch.rand(2, 3, 44, 60) * 0.3


@torch.no_grad()
def test_a_curve_estimator_from_its_code(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    for name in ("curve.py", "parts.py"):
        shutil.copyfile(NETWORKS / name, tmp_path / "code" / name)
    spec = source("curve.Curve", tmp_path).model_copy(update={"network": f"{tmp_path}/code/curve.py:Curve"})
    net = taken(spec, CURVE, tmp_path / "taken")
    assert torch.equal(net(dark()), make("curve.Curve")(dark())[1].clamp(0, 1))
    shutil.rmtree(tmp_path / "code")
    (tmp_path / "curve.pth").unlink()
    assert torch.equal(load_net(tmp_path / "taken" / FOREIGN)(dark()), net(dark()))
    there = {path.relative_to(tmp_path / "taken").as_posix() for path in (tmp_path / "taken").rglob("*.*")}
    assert there == {"code/curve.py", "code/parts.py", "weights.safetensors", FOREIGN}  # and no bytecode
    assert str(tmp_path) not in (tmp_path / "taken" / FOREIGN).read_text()


@torch.no_grad()
def test_a_pair_by_name_in_other_colours_and_range(tmp_path: Path) -> None:
    net = taken(source("pair.Pair", tmp_path), PAIR, tmp_path / "taken")
    x = dark()
    wanted = make("pair.Pair")(x.flip(1) * 255.0)["reflectance"].flip(1) / 255.0
    assert torch.allclose(net(x), wanted.clamp(0, 1), atol=1e-6)
    odd = torch.nn.functional.pad(x[:, :, :, :57], (0, 3, 0, 0), mode="reflect")
    assert torch.allclose(net(x[:, :, :, :57]), net(odd)[:, :, :, :57])


@torch.no_grad()
def test_what_cannot_be_traced_still_teaches(tmp_path: Path) -> None:
    net = taken(source("moody.Moody", tmp_path), MOODY, tmp_path / "taken")
    x = dark()
    inside = x * 2 - 1
    assert torch.allclose(net(x), ((inside + make("moody.Moody")(inside) + 1) / 2).clamp(0, 1), atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["onnx", "pt2", "torchscript"])
def test_files_that_hold_the_whole_network(kind: str, tmp_path: Path) -> None:
    author = Single(make("curve.Curve"), 1)
    if kind == "onnx":
        spec = write_onnx(author, tmp_path / "net.onnx")
    else:
        spec = (
            write_pt2(author, tmp_path / "net.pt2") if kind == "pt2" else write_torchscript(author, tmp_path / "n.pt")
        )
    net = taken(spec, PICTURE, tmp_path / "taken")
    assert torch.allclose(net(dark()), author(dark()).clamp(0, 1), atol=1e-5)


@torch.no_grad()
def test_several_outputs_of_an_onnx_file_are_named_and_chosen(tmp_path: Path) -> None:
    spec = write_onnx(make("pair.Pair"), tmp_path / "net.onnx")
    names = [out.name for out in __import__("onnx").load(tmp_path / "net.onnx").graph.output]
    bare = PAIR.model_copy(update={"output": None})
    with pytest.raises(WeightsError, match=f"name the picture with adapter.output, one of: {names[0]} 1x3x128x192, "):
        taken(spec, bare, tmp_path / "refused")
    net = taken(spec, PAIR.model_copy(update={"output": names[0]}), tmp_path / "taken")
    wanted = make("pair.Pair")(dark().flip(1) * 255.0)["reflectance"].flip(1) / 255.0
    assert torch.allclose(net(dark()), wanted.clamp(0, 1), atol=1e-5)


@torch.no_grad()
def test_a_network_of_one_size_wants_tiles_and_runs_on_them(tmp_path: Path) -> None:
    author = Single(make("curve.Curve"), 1)
    spec = write_onnx(author, tmp_path / "net.onnx", free=False)
    with pytest.raises(WeightsError, match=r"it takes 32x48 only: set adapter.tile=\[32,48\]"):
        taken(spec, PICTURE, tmp_path / "refused")
    tiles = PICTURE.model_copy(update={"tile": (32, 48), "padding": "replicate", "overlap": 12})
    net = taken(spec, tiles, tmp_path / "taken")
    x = dark()
    assert torch.allclose(net(x), author(x).clamp(0, 1), atol=1e-5)  # sees 3 px around: overlap hides the seams


def test_a_hub_folder_says_with_what_the_class_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "hub"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"width": 4, "architectures": ["Curve"], "_note": 1}))
    narrow = make("curve.narrow")
    save_file(narrow.state_dict(), folder / "model.safetensors")
    spec = SourceSpec(network=f"{NETWORKS}/curve.py:Curve", weights=str(folder))
    net = taken(spec, CURVE, tmp_path / "taken")
    assert torch.equal(net(dark()), narrow(dark())[1].clamp(0, 1).detach())
    (folder / "config.json").write_text(json.dumps({"width": 4, "depth": 3}))
    with pytest.raises(WeightsError, match="unexpected keyword argument 'depth'"):
        taken(spec, CURVE, tmp_path / "refused")


def test_checkpoints_of_many_forms(tmp_path: Path) -> None:
    net = make("moody.Moody")
    spec = source("moody.Moody", tmp_path)
    state = {f"module.{k}": v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "deep.pth", _use_new_zipfile_serialization=False)
    old = spec.model_copy(update={"weights": str(tmp_path / "deep.pth")})
    with pytest.raises(WeightsError, match="set source.entry to the one that is: epoch, state_dict"):
        taken(old, MOODY, tmp_path / "a")
    old = old.model_copy(update={"entry": "state_dict"})
    with pytest.raises(WeightsError, match="all of the file's names begin with 'module.': set source.prefix"):
        taken(old, MOODY, tmp_path / "b")
    opened = taken(old.model_copy(update={"prefix": "module."}), MOODY, tmp_path / "c")
    assert torch.equal(opened(dark()), taken(spec, MOODY, tmp_path / "d")(dark()))


def test_the_key_is_of_bytes_not_of_paths(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    found = []
    for folder in (first, second):
        folder.mkdir()
        for name in ("curve.py", "parts.py"):
            shutil.copyfile(NETWORKS / name, folder / name)
        spec = source("curve.Curve", folder).model_copy(update={"network": f"{folder}/curve.py:Curve"})
        found.append(source_identity(spec))
    assert found[0] == found[1] and str(tmp_path) not in json.dumps(found[0])
    (second / "parts.py").write_text((second / "parts.py").read_text() + "\n")
    assert source_identity(spec)["files"] != found[0]["files"]


def test_an_installed_module_that_changed_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "somebodys"
    package.mkdir()
    (package / "__init__.py").write_text("")
    shutil.copyfile(NETWORKS / "pair.py", package / "pair.py")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = source("pair.Pair", tmp_path).model_copy(update={"network": "somebodys.pair:Pair"})
    taken(spec, PAIR, tmp_path / "taken")
    (package / "pair.py").write_text((package / "pair.py").read_text() + "\n")
    from compress.store import sources

    sources.sources_digest.cache_clear()
    sources._source.cache_clear()
    with pytest.raises(WeightsError, match="its source has changed since it was taken in"):
        load_net(tmp_path / "taken" / FOREIGN)


@pytest.mark.parametrize(
    ("network", "says"),
    [
        ("moody.py:Moddy", "has no attribute 'Moddy'"),
        ("moody.py:nn.ReLU", "the weights don't fit"),
        ("moody.py:nn.functional.relu", "missing 1 required positional argument"),
    ],
)
def test_what_is_wrong_with_a_callable_is_one_line(network: str, says: str, tmp_path: Path) -> None:
    spec = source("moody.Moody", tmp_path).model_copy(update={"network": f"{NETWORKS}/{network}"})
    with pytest.raises(WeightsError, match=says) as caught:
        taken(spec, MOODY, tmp_path / "taken")
    assert "\n" not in str(caught.value)


def test_an_adapter_is_whole_or_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="adapter.colours: has to be said"):
        taken(source("moody.Moody", tmp_path), AdapterSpec(), tmp_path / "taken")
    wrong = MOODY.model_copy(update={"output": 1})
    with pytest.raises(WeightsError, match="answers one Tensor, not several; leave out adapter.output"):
        taken(source("moody.Moody", tmp_path), wrong, tmp_path / "other")
