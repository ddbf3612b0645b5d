"""What INT8 buys for students of several shapes: OpenVINO FP32 and INT8 side by side, one process, turn about.

The networks are untrained (speed does not depend on weights) and quantized by plain PTQ. Prints a table and writes
``artifacts/benchmarks/int8_shapes.json``. ``python benchmarks/int8_shapes.py [--size 400 600] [--runs 60]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from compress.devices.local import exclusive
from compress.devices.runner.fingerprint import fingerprint
from compress.devices.runner.timing import measure_latency
from compress.models import build_net
from compress.models.pruning import count_macs, take_out
from compress.models.quantized import insert_fake_quant, strip
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.schema import QuantizeSpec, Scheme

KEPT = QuantizeSpec(keep_float=("light",))


@dataclass(frozen=True)
class Shape:
    """A ``light_twin``; ``first``: channels that pruning left of its repair's first layer."""

    width: int
    depth: int
    light_width: int = 10
    first: int | None = None

    @property
    def name(self) -> str:
        """As the builds are called."""
        return f"{self.width}-{self.depth}-{self.light_width}-{self.first or self.width}"


SHAPES = (
    Shape(16, 2), Shape(32, 2), Shape(32, 4), Shape(36, 3, 11), Shape(40, 3, 9), Shape(40, 3, 9, first=32),
    Shape(48, 2), Shape(56, 2), Shape(64, 2),
)  # fmt: skip


def build(shape: Shape) -> nn.Module:
    """An untrained one in eval mode."""
    torch.manual_seed(0)
    settings = {"width": shape.width, "depth": shape.depth, "light_width": shape.light_width}
    net = build_net("light_twin", settings).eval()
    if shape.first is not None:
        take_out(net, "repair.enter", list(range(shape.width - shape.first)))
    return net


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
        for shape in SHAPES:
            net = build(shape)
            fake = insert_fake_quant(net, [torch.from_numpy(dark)], Scheme(), KEPT)
            facts[shape] = {"params": sum(p.numel() for p in net.parameters()), "macs": count_macs(net, *size)}
            for kind, module in (("fp32", net), ("int8", strip(fake, *size))):
                name = f"{kind}-{shape.name}"
                files = make(module, name, size, folder)
                runs[name] = open_runtime("openvino").load(folder, files, RunOptions(2)).prepare(dark)
        with exclusive():
            samples = measure_latency(runs, 10, options.runs)
    p50 = {name: statistics.median(times) for name, times in samples.items()}
    print(f"p50 of {options.runs} runs, {size[0]}x{size[1]}, 2 threads")
    print("| width | depth | light | first layer | params | GMACs | FP32 ms | INT8 ms | ratio |")
    print("|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
    rows = []
    for shape in SHAPES:
        fp32, int8 = p50[f"fp32-{shape.name}"], p50[f"int8-{shape.name}"]
        rows.append({**asdict(shape), **facts[shape], "fp32_ms": fp32, "int8_ms": int8, "ratio": fp32 / int8})
        cells = (shape.width, shape.depth, shape.light_width, shape.first or shape.width, f"{facts[shape]['params']:,}",
                 f"{facts[shape]['macs'] / 1e9:.3f}", f"{fp32:.2f}", f"{int8:.2f}", f"{fp32 / int8:.2f}")  # fmt: skip
        print(f"| {' | '.join(map(str, cells))} |")
    out = Path("artifacts/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    (out / "int8_shapes.json").write_text(json.dumps({"rows": rows, "fingerprint": fingerprint()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
