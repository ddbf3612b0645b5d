"""The variants of LDFC-Net side by side: parameters, work under each way of counting, OpenVINO FP32 and INT8 in turn.

``light_twin`` as ``kd_int8`` has it stands beside them. The networks are untrained (speed does not depend on weights)
and quantized by plain PTQ with the illumination branch left float. Prints tables and writes
``artifacts/benchmarks/ldfc_variants.json``.
``python benchmarks/ldfc_variants.py [--runs 60] [--rounds 3] [--only E light_twin]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from int8_shapes import make
from torch import nn

from compress.devices.local import exclusive
from compress.devices.runner.fingerprint import fingerprint
from compress.devices.runner.timing import measure_latency
from compress.inspection.conventions import Counted, counted
from compress.models import NETWORKS, build_net
from compress.models.pruning import count_macs
from compress.models.quantized import insert_fake_quant, strip
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.schema import QuantizeSpec, Scheme

KEPT = QuantizeSpec(keep_float=("lgc", "light"))
SIZE = (400, 600)


def networks() -> dict[str, nn.Module]:
    """Untrained, in eval mode, by the name that the tables have."""
    torch.manual_seed(0)
    found = {f"ldfc {name}": build_net("ldfc", settings) for name, settings in NETWORKS["ldfc"].variants.items()}
    found["light_twin 40/3/9"] = build_net("light_twin", {"width": 40, "depth": 3, "light_width": 9})
    return {name: net.eval() for name, net in found.items()}


def built(nets: dict[str, nn.Module], folder: Path, dark: np.ndarray) -> dict[str, Callable[[], None]]:
    """What is timed, by ``fp32 NAME`` and ``int8 NAME``."""
    runs: dict[str, Callable[[], None]] = {}
    for name, net in nets.items():
        fake = insert_fake_quant(net, [torch.from_numpy(dark)], Scheme(), KEPT)
        for kind, module in (("fp32", net), ("int8", strip(fake, *SIZE))):
            files = make(module, f"{kind}-{name}".replace(" ", "-").replace("/", "-"), SIZE, folder)
            runs[f"{kind} {name}"] = open_runtime("openvino").load(folder, files, RunOptions(2)).prepare(dark)
    return runs


def main() -> None:
    """Count, make, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", help="words of names; none: all")
    options = parser.parse_args()
    nets = {name: net for name, net in networks().items() if not options.only or set(options.only) & set(name.split())}
    params = {name: sum(p.numel() for p in net.parameters()) for name, net in nets.items()}
    work = {name: counted(lambda size, net=net: count_macs(net, *size)) for name, net in nets.items()}  # type: ignore[misc]
    print_counts(params, work)
    dark = np.random.default_rng(0).random((1, 3, *SIZE), np.float32) * np.float32(0.2)
    best: dict[str, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = built(nets, Path(folder), dark)
        for _ in range(options.rounds):
            with exclusive():
                samples = measure_latency(runs, 5, options.runs)
            for name, times in samples.items():
                p50, least = best.get(name, (float("inf"), float("inf")))
                best[name] = (min(p50, statistics.median(times)), min(least, *times))
    print(f"\nleast p50 of {options.rounds} rounds of {options.runs} runs, and least run, {SIZE}, 2 threads, OpenVINO")
    print("| network | FP32 ms | INT8 ms | ratio | INT8 FPS | least FP32 ms | least INT8 ms | ratio |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    rows = []
    for name in nets:
        fp32, int8 = best[f"fp32 {name}"], best[f"int8 {name}"]
        macs = {f"{each.height}x{each.width}": each.macs for each in work[name]}
        rows.append({
            "network": name, "params": params[name], "macs": macs, "fp32_ms": fp32[0], "int8_ms": int8[0],
            "least_fp32_ms": fp32[1], "least_int8_ms": int8[1],
        })  # fmt: skip
        cells = (f"{fp32[0]:.2f}", f"{int8[0]:.2f}", f"{fp32[0] / int8[0]:.2f}", f"{1000 / int8[0]:.0f}",
                 f"{fp32[1]:.2f}", f"{int8[1]:.2f}", f"{fp32[1] / int8[1]:.2f}")  # fmt: skip
        print(f"| {name} | {' | '.join(cells)} |")
    out = Path("artifacts/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    (out / "ldfc_variants.json").write_text(json.dumps({"rows": rows, "fingerprint": fingerprint()}, indent=1) + "\n")


def print_counts(params: dict[str, int], work: dict[str, tuple[Counted, ...]]) -> None:
    """One row a network, one column a way of counting."""
    heads = [f"{unit} {each.size}" for unit in ("GMACs", "GFLOPs") for each in next(iter(work.values()))]
    print(f"| network | params | {' | '.join(heads)} |\n|---|---:|{'---:|' * len(heads)}")
    for name, counts in work.items():
        cells = [f"{value / 1e9:.3f}" for unit in ("macs", "flops") for value in (getattr(c, unit) for c in counts)]
        print(f"| {name} | {params[name]:,} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
