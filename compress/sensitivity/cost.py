"""What layers cost on the device: OpenVINO's profile where it is this machine, else MACs as an estimate.

Another runtime that can time its layers joins with one line in ``PROFILERS``.
"""

from __future__ import annotations

import re
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compress.errors import BuildError, one_line
from compress.runtimes.base import FloatPrecision
from compress.sensitivity.records import LayerCost

if TYPE_CHECKING:
    from torch import nn

OPSET = 18
_NODE = re.compile(r"^/net/(?P<scope>.+)/(?:Conv|ConvTranspose|Gemm|MatMul)(?:_\d+)?(?:/WithoutBiases)?$")
_HEAVY = ("Convolution", "Deconvolution", "FullyConnected", "MatMul")


@dataclass(frozen=True)
class Machine:
    """How the device runs builds; ``local``: it is this machine; the slowdowns over int8 are for estimates."""

    runtime: str
    local: bool
    threads: int
    float_precision: FloatPrecision
    size: tuple[int, int]
    int16_slowdown: float = 2.0
    float_slowdown: float = 4.0
    runs: int = 20


def layer_costs(int8: nn.Module, floating: nn.Module, names: Sequence[str], machine: Machine) -> dict[str, LayerCost]:
    """Cost by layer name. ``int8``: the stripped fake-quant network; both in eval mode.

    Raises BuildError when the networks can't be exported.
    """
    profile = PROFILERS.get(machine.runtime) if machine.local else None
    if profile is None:
        return _estimates(floating, names, machine)
    estimates = _estimates(floating, names, machine)
    quantized_ms, floating_ms = _profiled(profile, int8, floating, machine)
    working = [name for name, guess in estimates.items() if guess.floating]
    if not all(name in quantized_ms and name in floating_ms for name in working):
        return estimates  # the SDK merged a layer into another one: half a profile would make that one free
    floats = {name: round(floating_ms.get(name, 0.0), 4) for name in names}
    return {  # OpenVINO holds 16-bit codes as they are and computes such a layer in float
        name: LayerCost(
            int8=round(quantized_ms.get(name, 0.0), 4), int16=floats[name], floating=floats[name], unit="ms",
            origin="measured",
        )
        for name in names
    }  # fmt: skip


def _estimates(net: nn.Module, names: Sequence[str], machine: Machine) -> dict[str, LayerCost]:
    """Millions of multiply-accumulates of each layer for one picture, times what the target says they take longer."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        net(torch.zeros(1, 3, *machine.size))
    root = type(net).__name__
    flops = {name: sum(counter.get_flop_counts().get(f"{root}.{name}", {}).values()) for name in names}
    macs = {name: round(count / 2e6, 3) for name, count in flops.items()}
    return {
        name: LayerCost(
            int8=macs[name], int16=round(macs[name] * machine.int16_slowdown, 3),
            floating=round(macs[name] * machine.float_slowdown, 3), unit="MMAC", origin="estimated",
        )
        for name in names
    }  # fmt: skip


def _profiled(
    profile: Profile, int8: nn.Module, floating: nn.Module, machine: Machine
) -> tuple[dict[str, float], dict[str, float]]:
    from compress.devices.local import exclusive
    from compress.runtimes.interchange import OnnxRequest, export_onnx

    with tempfile.TemporaryDirectory() as text:
        sources = []
        for name, net in (("int8", int8), ("float", floating)):
            sources.append(Path(text) / f"{name}.onnx")
            export_onnx(net, OnnxRequest(machine.size, False, OPSET, {}), sources[-1])
        with exclusive():
            quantized_ms, floating_ms = profile(sources, machine)
        return quantized_ms, floating_ms


Profile = Callable[[Sequence[Path], Machine], list[dict[str, float]]]
"""Median ms by module name of each ONNX file's layers, the files run in turn."""


def openvino_profile(sources: Sequence[Path], machine: Machine) -> list[dict[str, float]]:
    """The CPU plugin's own timing of each node, in builds as they ship."""
    import numpy as np
    import openvino

    from compress.runtimes import open_runtime

    runtime, core = open_runtime("openvino"), openvino.Core()
    settings = {
        "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": machine.threads, "PERF_COUNT": True,
        "INFERENCE_PRECISION_HINT": machine.float_precision,
    }  # fmt: skip
    x = np.full((1, *machine.size, 3), 25, np.uint8)
    requests: list[Any] = []
    scopes: list[dict[str, str]] = []
    for source in sources:
        try:
            build = source.parent / runtime.build(source, source.stem, source.parent)[0]
            compiled = core.compile_model(core.read_model(str(build)), "CPU", settings)
        except Exception as error:  # the plugin raises RuntimeError and its own kinds
            raise BuildError(
                f"OpenVINO can't profile the {source.stem} network: {one_line(error, kind=False)}"
            ) from None
        requests.append(compiled.create_infer_request())
        scopes.append(_scopes(compiled))
    samples: list[dict[str, list[float]]] = [defaultdict(list) for _ in sources]
    for run in range(machine.runs + 3):
        for request, names, kept in zip(requests, scopes, samples, strict=True):
            request.infer([x])
            if run < 3:  # warm-up
                continue
            spent: dict[str, float] = defaultdict(float)  # a module may be called several times in a picture
            for node in request.profiling_info:
                if node.node_name in names:
                    spent[names[node.node_name]] += node.real_time.total_seconds() * 1e3
            for name, time_ms in spent.items():
                kept[name].append(time_ms)
    return [{name: statistics.median(times) for name, times in kept.items()} for kept in samples]


def _scopes(compiled: Any) -> dict[str, str]:
    """Module name by the name of the node that runs it, after all fusions."""
    found = {}
    for node in compiled.get_runtime_model().get_ordered_ops():
        info = {key: str(getattr(value, "value", value)) for key, value in node.get_rt_info().items()}
        if info.get("layerType") not in _HEAVY:
            continue
        for original in info.get("originalLayersNames", "").split(","):
            match = _NODE.match(original)
            if match:
                found[node.get_friendly_name()] = match["scope"].replace("/", ".")
                break
    return found


PROFILERS: dict[str, Profile] = {"openvino": openvino_profile}
