"""What INT8 buys for students of several shapes: OpenVINO FP32 and INT8 side by side, one process, turn about.

The networks are untrained (speed does not depend on weights) and quantized by plain PTQ. Prints a table and writes
``artifacts/benchmarks/int8_shapes.json``. ``python benchmarks/int8_shapes.py [--size 400 600] [--runs 60]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn

from compress.devices.local import exclusive
from compress.devices.runner.fingerprint import fingerprint
from compress.devices.runner.timing import measure_latency
from compress.models import build_net
from compress.models.pruning import count_macs
from compress.models.quantized import insert_fake_quant, strip
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.schema import QuantizeSpec, Scheme

SHAPES = ((16, 2), (32, 2), (32, 4), (40, 3), (48, 2), (56, 2), (64, 2))
KEPT = QuantizeSpec(keep_float=("light",))


def make(net: nn.Module, name: str, size: tuple[int, int], folder: Path) -> tuple[str, ...]:
    """OpenVINO files of ``net`` in ``folder``."""
    source = folder / f"{name}.source.onnx"
    export_onnx(net, OnnxRequest(size, False, 18, {}), source)
    return open_runtime("openvino").build(source, name, folder)


def main() -> None:
    """Make, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(400, 600))
    parser.add_argument("--runs", type=int, default=60)
    options = parser.parse_args()
    size = (options.size[0], options.size[1])
    dark = np.random.default_rng(0).random((1, 3, *size), np.float32) * np.float32(0.2)
    runs, facts = {}, {}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        for width, depth in SHAPES:
            torch.manual_seed(0)
            net = build_net("light_twin", {"width": width, "depth": depth}).eval()
            fake = insert_fake_quant(net, [torch.from_numpy(dark)], Scheme(), KEPT)
            facts[width, depth] = {"params": sum(p.numel() for p in net.parameters()), "macs": count_macs(net, *size)}
            for kind, module in (("fp32", net), ("int8", strip(fake, *size))):
                name = f"{kind}-{width}-{depth}"
                files = make(module, name, size, folder)
                runs[name] = open_runtime("openvino").load(folder, files, RunOptions(2)).prepare(dark)
        with exclusive():
            samples = measure_latency(runs, 10, options.runs)
    p50 = {name: statistics.median(times) for name, times in samples.items()}
    print(f"p50 of {options.runs} runs, {size[0]}x{size[1]}, 2 threads")
    print(f"{'width':>6}{'depth':>6}{'params':>9}{'GMACs':>8}{'FP32 ms':>9}{'INT8 ms':>9}{'ratio':>7}")
    rows = []
    for width, depth in SHAPES:
        fp32, int8 = p50[f"fp32-{width}-{depth}"], p50[f"int8-{width}-{depth}"]
        rows.append(
            {
                "width": width,
                "depth": depth,
                **facts[width, depth],
                "fp32_ms": fp32,
                "int8_ms": int8,
                "ratio": fp32 / int8,
            }
        )
        counted = f"{facts[width, depth]['params']:>9,}{facts[width, depth]['macs'] / 1e9:>8.3f}"
        print(f"{width:>6}{depth:>6}{counted}{fp32:>9.2f}{int8:>9.2f}{fp32 / int8:>7.2f}")
    out = Path("artifacts/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    (out / "int8_shapes.json").write_text(json.dumps({"rows": rows, "fingerprint": fingerprint()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
