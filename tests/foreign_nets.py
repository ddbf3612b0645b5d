"""Foreign networks as files: their code, weights of theirs, and what a recipe says of them."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import torch
from torch import nn

from compress.schema import AdapterSpec, SourceSpec

NETWORKS = Path(__file__).parent / "foreign" / "networks"
PICTURE = AdapterSpec(colours="RGB", range="0..1", answers="picture", size_multiple=1)
CURVE = PICTURE.model_copy(update={"output": 1})
PAIR = AdapterSpec(
    colours="BGR", range="0..255", answers="picture", size_multiple=4, padding="reflect", output="reflectance"
)
MOODY = AdapterSpec(colours="RGB", range="-1..1", answers="residual", size_multiple=1)


def make(name: str, seed: int = 0) -> nn.Module:
    """``curve.Curve``, ``pair.Pair`` or ``moody.Moody``, as its author has it."""
    module, _, cls = name.partition(".")
    torch.manual_seed(seed)
    sys.path.insert(0, str(NETWORKS))
    try:
        spec = importlib.util.spec_from_file_location(f"author_of_{module}", NETWORKS / f"{module}.py")
        assert spec is not None and spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(made)
    finally:
        sys.path.remove(str(NETWORKS))
        sys.modules.pop("parts", None)
    net: nn.Module = getattr(made, cls)().eval()
    return net


def source(name: str, folder: Path) -> SourceSpec:
    """``FILE.py:callable`` and its weights, saved into ``folder``."""
    module, _, cls = name.partition(".")
    torch.save(make(name).state_dict(), folder / f"{module}.pth")
    return SourceSpec(network=f"{NETWORKS / module}.py:{cls}", weights=str(folder / f"{module}.pth"))


class Single(nn.Module):
    """One answer of a network."""

    def __init__(self, net: nn.Module, which: int) -> None:
        super().__init__()
        self.net, self.which = net, which

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.net(x)[self.which]
        return answer


def write_onnx(net: nn.Module, path: Path, size: tuple[int, int] = (32, 48), free: bool = True) -> SourceSpec:
    axes = {"x": {2: "h", 3: "w"}} if free else None
    torch.onnx.export(
        net, (torch.rand(1, 3, *size),), str(path), input_names=["x"], dynamic_axes=axes, dynamo=False, opset_version=18
    )
    return SourceSpec(network=str(path))


def write_pt2(net: nn.Module, path: Path, free: bool = True) -> SourceSpec:
    auto = torch.export.Dim.AUTO
    shapes = ({0: auto, 2: auto, 3: auto},) if free else None
    torch.export.save(torch.export.export(net, (torch.rand(2, 3, 32, 48),), dynamic_shapes=shapes), path)
    return SourceSpec(network=str(path))


def write_torchscript(net: nn.Module, path: Path) -> SourceSpec:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(net, torch.rand(1, 3, 32, 48)).save(str(path))
    return SourceSpec(network=str(path), trust="torchscript")
