"""Network files: what is refused, by what message, and what comes back unchanged."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from compress.errors import WeightsError
from compress.models import build_net
from compress.models.pruning import take_out
from compress.models.weights import PRUNED, load_net, read_metadata, resolve_weights, save_net


def test_a_network_comes_back(tmp_path: Path) -> None:
    net = build_net("light_twin", {"width": 16, "light_width": 8}).eval()
    save_net(net, tmp_path / "a.safetensors", {"note": "hello"})
    again = load_net(tmp_path / "a.safetensors")
    x = torch.rand(1, 3, 16, 16)
    assert torch.equal(net(x), again(x))
    assert read_metadata(tmp_path / "a.safetensors")["note"] == "hello"


def test_half_precision_files_come_back_as_float32(tmp_path: Path) -> None:
    save_net(build_net("light_twin", {}), tmp_path / "a.safetensors", half=True)
    assert {p.dtype for p in load_net(tmp_path / "a.safetensors").parameters()} == {torch.float32}


def test_a_pruned_network_comes_back(tmp_path: Path) -> None:
    net = build_net("light_twin", {}).eval()
    take_out(net, "repair.middle1", [0, 3, 5])
    save_net(net, tmp_path / "a.safetensors", {PRUNED: "yes"})
    again = load_net(tmp_path / "a.safetensors")
    x = torch.rand(1, 3, 16, 16)
    assert torch.equal(net(x), again(x))


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("the pickle ran",))


@pytest.mark.parametrize("writer", ["pickle", "torch"])
def test_a_pickle_is_refused_and_does_not_run(tmp_path: Path, writer: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bomb.safetensors"
    if writer == "pickle":
        path.write_bytes(pickle.dumps(_Bomb()))
    else:
        torch.save({"weight": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match=r"bomb.safetensors: a pickle or torch archive"):
        load_net(path)
    assert "ran" not in capsys.readouterr().out


def test_every_truncation_is_refused_by_name(tmp_path: Path) -> None:
    whole = tmp_path / "whole.safetensors"
    save_net(build_net("light_twin", {"width": 16, "light_width": 8}), whole)
    data = whole.read_bytes()
    for length in (0, 4, 8, 100, len(data) // 2, len(data) - 1):
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(data[:length])
        with pytest.raises(WeightsError, match="cut.safetensors"):
            load_net(cut)


def test_a_network_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "odd.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata={"network": "light_twin", "settings": "{}"})
    with pytest.raises(WeightsError, match="doesn't fit network 'light_twin'.*is missing"):
        load_net(path)
    save_file({"weight": torch.zeros(3)}, path, metadata={"network": "light_twinn"})
    with pytest.raises(WeightsError, match="Did you mean 'light_twin'"):
        load_net(path)
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="doesn't say which network"):
        load_net(path)


def test_names_and_paths_resolve() -> None:
    assert resolve_weights("builtin:low_light").is_file()
    with pytest.raises(WeightsError, match="no built-in network 'nothing'; there are: .*low_light"):
        resolve_weights("builtin:nothing")
    with pytest.raises(WeightsError, match="no such file"):
        resolve_weights("/nowhere/x.safetensors")
