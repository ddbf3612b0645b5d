"""A ready ONNX file, without training, to all five formats in one command: how long that takes.

A small U-Net, trained for a minute before the clock starts, is written as ONNX; then
``compress run recipe=ptq target=jetson,rk3588,x86_edge,imx8mp`` makes, checks, measures and packages its builds in an
empty store. No board is there, so speeds of three targets, and with them their verdicts, stay incomplete (exit code 3).
Prints seconds and what came out, writes ``artifacts/benchmarks/ready_onnx.json``; needs ``compress setup tflite rknn
tensorrt``. ``python benchmarks/ready_onnx.py [--size 256 384] [--data embedded] [--root FOLDER] [--steps 400]``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import torch
from foreign_ptq.networks import ALL, made, train

from compress.artefacts import Builds, Bundle
from compress.config.load import load_plans
from compress.data.source import open_data
from compress.devices.runner.fingerprint import fingerprint
from compress.records import BuildList
from compress.store.store import Store

STYLE = next(style for style in ALL if style.name == "SmallUNet")
FORMATS = ("onnx", "openvino", "rknn", "tensorrt", "tflite")
LIMIT_S = 120.0
ENDS = (0, 1, 3)
"""Exit codes of a run that came to a verdict."""


def write_network(words: tuple[str, ...], size: tuple[int, int], steps: int, folder: Path) -> Path:
    """``net.onnx`` of one size, (1, 3, H, W) float32 in [0, 1] to the same."""
    plan = load_plans(("recipe=kd_int8", "target=x86_edge", *words))[0]
    weights = folder / "net.pth"
    train(STYLE, open_data(plan.data, "train"), steps, weights)
    net = made(STYLE).eval()
    net.load_state_dict(torch.load(weights, weights_only=True))
    path = folder / "net.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(net, (torch.rand(1, 3, *size),), str(path), dynamo=False)
    return path


def command(network: Path, size: tuple[int, int], words: tuple[str, ...]) -> list[str]:
    """What a user types."""
    adapter = {"colours": "RGB", "range": "0..1", "answers": "picture", "size_multiple": 2, "padding": "reflect"}
    return [
        sys.executable, "-m", "compress", "run", "recipe=ptq", "target=jetson,rk3588,x86_edge,imx8mp",
        f"student.source.network={network}", *(f"student.adapter.{name}={value}" for name, value in adapter.items()),
        f"target.export.size=[{size[0]},{size[1]}]", "target.export.dynamic=false", *words,
    ]  # fmt: skip


def came_out(folder: Path) -> tuple[tuple[str, ...], int]:
    """Runtimes of the int8 builds that ship, over all targets, and how many bundles there are."""
    builds, bundles = set(), 0
    for entry in Store(folder).ls():
        if entry.manifest is not None and entry.manifest.gives == Builds.__name__:
            listed = BuildList.read(entry.folder / "builds.json").builds
            builds |= {build.runtime for build in listed if build.ships}
        bundles += entry.manifest is not None and entry.manifest.gives == Bundle.__name__
    return tuple(sorted(builds)), bundles


def main() -> None:
    """Make the file, run the command, look at what came out, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(256, 384), help="height and width of the builds")
    parser.add_argument("--data", default="embedded", help="a calibration set with pictures of that size")
    parser.add_argument("--root", help="its folder")
    parser.add_argument("--steps", type=int, default=400, help="of training, before the clock starts")
    asked = parser.parse_args()
    size = (asked.size[0], asked.size[1])
    words = (f"data={asked.data}", *((f"data.root={asked.root}",) if asked.root else ()))
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        network = write_network(words, size, asked.steps, folder)
        environment = {**os.environ, "COMPRESS_STORE": str(folder / "store")}
        started = time.perf_counter()
        ended = subprocess.run(command(network, size, words), env=environment, check=False)
        took_s = time.perf_counter() - started
        if ended.returncode not in ENDS:
            raise SystemExit(f"the run ended with exit code {ended.returncode}")
        builds, bundles = came_out(folder / "store")
    absent = sorted(set(FORMATS) - set(builds))
    result = {
        "seconds": round(took_s, 1), "limit_s": LIMIT_S, "exit_code": ended.returncode, "builds": builds,
        "formats_absent": absent, "bundles": bundles, "size": size, "data": asked.data,
        "machine": fingerprint(),
    }  # fmt: skip
    target = Path("artifacts/benchmarks")
    target.mkdir(parents=True, exist_ok=True)
    (target / "ready_onnx.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{took_s:.1f} s for {len(builds)} formats in {bundles} bundles (asked: {LIMIT_S:.0f} s); "
          f"formats absent: {', '.join(absent) or 'none'}")  # fmt: skip


if __name__ == "__main__":
    main()
