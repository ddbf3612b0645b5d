"""INT8 against FP32 of one student through OpenVINO, ONNX Runtime and LiteRT, all builds in turn in one process.

The student is the newest fake-quant network of ``--store`` with the float network that it was; without one an untrained
default student with plain PTQ (speed does not depend on weights). Prints a table and writes
``artifacts/benchmarks/int8_runtimes.json``. LiteRT needs ``compress setup tflite``. With bf16 on a CPU that lacks it
OpenVINO imitates it, slowly; FP32 is f32 in every row, and the float network in bf16 has a column of its own.
``python benchmarks/int8_runtimes.py [--store artifacts/store] [--size 400 600] [--runs 60]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from compress.config.load import load_data
from compress.data.frames import write_frames
from compress.devices.local import exclusive
from compress.devices.runner.fingerprint import fingerprint
from compress.devices.runner.timing import measure_latency
from compress.models import build_net
from compress.models.quantized import insert_fake_quant, load_fake_quant, strip
from compress.models.weights import load_net
from compress.records import RuntimeName
from compress.runtimes import open_runtime, why_not_built
from compress.runtimes.base import BuildOptions, RunOptions
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.schema import DataSpec, QuantizeSpec, Scheme

ROOT = Path(__file__).resolve().parents[1]
Size = tuple[int, int]


@dataclass(frozen=True)
class Way:
    """A runtime, what its layers outside of int8 compute in, and the gain that is asked for on a CPU with VNNI."""

    name: str
    runtime: RuntimeName
    asked: float | None
    options: RunOptions = RunOptions(2)


WAYS = (
    Way("openvino", "openvino", 3.0), Way("openvino, bf16", "openvino", 3.0, RunOptions(2, "bf16")),
    Way("onnx", "onnx", None), Way("tflite", "tflite", 2.0),
)  # fmt: skip


@dataclass(frozen=True)
class Student:
    """A float network, its fake-quant self, and where they are from."""

    floating: nn.Module
    fake: nn.Module
    origin: str


def pictures(size: Size) -> DataSpec:
    """The embedded photographs, cut to ``size``."""
    return load_data(ROOT / "calibration" / "embedded.yaml").model_copy(update={"size": size, "copies": 2})


def student(store: Path, frames: Path) -> Student:
    """The newest of ``store``, else an untrained one; ``frames`` (.npy) gives its ranges."""
    found = sorted(store.glob("quantize-*/qat.safetensors"), key=lambda path: path.stat().st_mtime)
    if found:
        folder = found[-1].parent
        return Student(load_net(folder / "net.safetensors"), load_fake_quant(folder, "qat"), f"trained, {folder.name}")
    torch.manual_seed(0)
    net = build_net("light_twin", {}).eval()
    first = torch.from_numpy(np.load(frames)[:1])
    return Student(net, insert_fake_quant(net, [first], Scheme(), QuantizeSpec(keep_float=("light",))), "untrained")


def sources(made: Student, size: Size, folder: Path) -> dict[str, Path]:
    """Interchange files ``fp32`` and ``int8``."""
    files = {kind: folder / f"{kind}.onnx" for kind in ("fp32", "int8")}
    for kind, net in (("fp32", made.floating), ("int8", strip(made.fake, *size))):
        export_onnx(net, OnnxRequest(size, False, 18, {}), files[kind])
    return files


def settings(about: str) -> argparse.Namespace:
    """What both benchmarks of a student take on the command line."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--store", type=Path, default=Path("artifacts/store"))
    parser.add_argument("--size", type=int, nargs=2, default=(400, 600))
    parser.add_argument("--runs", type=int, default=60)
    return parser.parse_args()


def write(name: str, facts: dict[str, Any]) -> None:
    """``artifacts/benchmarks/NAME.json``, with the machine's fingerprint."""
    out = Path("artifacts/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.json").write_text(json.dumps({**facts, "fingerprint": fingerprint()}, indent=1) + "\n")


def main() -> None:
    """Make, measure, print, write."""
    asked = settings(__doc__ or "")
    size = (asked.size[0], asked.size[1])
    absent = {way.runtime: why for way in WAYS if (why := why_not_built(way.runtime))}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        write_frames(pictures(size), size, 8, folder / "frames.npy")
        made = student(asked.store, folder / "frames.npy")
        dark = np.load(folder / "frames.npy")[:1]
        options, runs = BuildOptions(calibration=folder / "frames.npy"), {}
        ways = {each.name: each for each in WAYS if each.runtime not in absent}
        for kind, source in sources(made, size, folder).items():
            for name in dict.fromkeys(way.runtime for way in ways.values()):
                files = open_runtime(name).build(source, f"{kind}-{name}", folder, options)
                for way in (each for each in ways.values() if each.runtime == name):
                    runs[f"{kind} {way.name}"] = open_runtime(name).load(folder, files, way.options).prepare(dark)
        with exclusive():
            samples = measure_latency(dict(sorted(runs.items())), 10, asked.runs)
    p50 = {name: statistics.median(times) for name, times in samples.items()}
    print(f"student: {made.origin}; p50 of {asked.runs} runs in turn, {size[0]}x{size[1]}, 2 threads")
    print(f"{'runtime':>15}{'FP32 ms':>9}{'INT8 ms':>9}{'ratio':>7}{'asked':>7}{'float so ms':>12}")
    rows = []
    for way in WAYS:
        if way.name not in ways:
            print(f"{way.name:>15}  {absent[way.runtime]}")
            continue
        row = row_of(way, p50)
        rows.append(row)
        so = f"{row['float_ms']:>12.2f}" if "float_ms" in row else ""
        print(
            f"{way.name:>15}{row['fp32_ms']:>9.2f}{row['int8_ms']:>9.2f}{row['ratio']:>7.2f}{way.asked or '–':>7}{so}"
        )
    write("int8_runtimes", {"student": made.origin, "rows": rows})


def row_of(way: Way, p50: dict[str, float]) -> dict[str, Any]:
    """INT8 as ``way`` runs it against FP32; ``float_ms``: the float network run so, where that is no FP32."""
    fp32, int8 = p50[f"fp32 {way.runtime}"], p50[f"int8 {way.name}"]
    row = {"runtime": way.name, "fp32_ms": fp32, "int8_ms": int8, "ratio": fp32 / int8, "asked": way.asked}
    return row if way.name == way.runtime else {**row, "float_ms": p50[f"fp32 {way.name}"]}


if __name__ == "__main__":
    main()
