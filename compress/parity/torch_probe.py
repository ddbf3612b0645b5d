"""A look inside a torch network, float or fake-quant: its quantizers and its layers with weights."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from compress.models.enhance import small_size
from compress.parity.probe import Point, Probe

if TYPE_CHECKING:
    from compress.parity.probe import Tensors
    from compress.runtimes.base import Batch

_QUANTIZER = re.compile(r"^__nncf_hooks\.(?P<when>pre|post)_hooks\.(?P<place>.*)__(?P<port>\d+)\.\d+$")
_LAYERS = ((nn.ConvTranspose2d, "ConvTranspose"), (nn.Conv2d, "Conv"), (nn.Linear, "Gemm"))


class TorchProbe(Probe):
    """``net`` in eval mode, from the float or the fake-quant network (NNCF's own layers or stripped)."""

    def __init__(self, net: nn.Module) -> None:
        self._net = net
        self._labels: dict[str, str] = {}
        self._watched = {module: name for name, module in net.named_modules() if _name_of(name, module)}
        self._points = tuple(
            Point(name, self._labels[name]) for name in self._collect(torch.zeros(1, 3, *small_size(net)), None)
        )

    def points(self) -> tuple[Point, ...]:
        return self._points

    def run(self, x: Batch, names: Collection[str]) -> Tensors:
        return self._collect(torch.from_numpy(x), names)

    @torch.no_grad()
    def _collect(self, x: Tensor, names: Collection[str] | None) -> Tensors:
        found: Tensors = {}
        calls: Counter[str] = Counter()

        def watch(name: str, label: str) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
            def keep(_module: nn.Module, _given: tuple[Tensor, ...], answer: Tensor) -> None:
                count = calls[name]
                calls[name] += 1
                own = f"{name}_{count}" if count else name  # as the exporter numbers them
                self._labels[own] = label if not count else f"{label} (call {count + 1})"
                if names is None or own in names:
                    found[own] = answer.float().contiguous().numpy().copy()

            return keep

        handles = []
        for module, path in self._watched.items():
            name, label = _name_of(path, module) or ("", "")
            handles.append(module.register_forward_hook(watch(name, label)))
        try:
            self._net(x)
        finally:
            for handle in handles:
                handle.remove()
        return found


def _name_of(path: str, module: nn.Module) -> tuple[str, str] | None:
    """Common name and label of what ``module`` gives, or None for a module that is not looked at."""
    quantizer = _QUANTIZER.match(path)
    if quantizer:
        place, port = quantizer["place"], quantizer["port"]
        before = quantizer["when"] == "pre"
        weight = before and (port == "1" or _scales(module) > 1)
        what = "weight" if weight else f"input {port}" if before else "output"
        return f"{place}__{port}", f"{place} {what}"
    for kind, operator in _LAYERS:
        if isinstance(module, kind):
            return f"{path.replace('.', '/')}/{operator}", path
    return None


def _scales(quantizer: nn.Module) -> int:
    """How many scales a quantizer has; NNCF's own layers say a shape, torch's hold a tensor."""
    shape: tuple[int, ...] = getattr(quantizer, "scale_shape", None) or quantizer.get_buffer("scale").shape
    return math.prod(shape)
