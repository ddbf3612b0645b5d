"""One network of two tasks against two of one task: frames per second, float and INT8, side by side in one run.

``night_pair`` as the recipe ``night_multitask`` has it, and the same layers for each task alone
(``night_bench/one_task.py``). Untrained, for speed does not depend on weights, and quantized by plain PTQ with what the
recipe keeps in float. Builds take turns, through OpenVINO. Prints the table and writes ``night_fps.json`` into
``--out``; ``--keep`` puts it into ``benchmarks/results``.

``python benchmarks/night_fps.py [--size 256 256] [--runs 60] [--rounds 3] [--threads 2] [--keep]``
"""

from __future__ import annotations

import argparse
import shlex
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from growing.bench import RESULTS
from growing.commit import commit
from int8_shapes import make
from night_bench.fps import FpsFile, FpsRow, fps_table
from night_bench.one_task import untrained

from compress.devices.local import exclusive
from compress.devices.runner.fingerprint import fingerprint
from compress.devices.runner.timing import measure_latency
from compress.models.pruning import count_macs
from compress.models.quantized import insert_fake_quant, strip
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.schema import QuantizeSpec, Scheme

FILE = "night_fps.json"
WIDTH, MEND, CLASSES = 16, 24, 5
"""Of the recipe's student, and of the set of vehicles."""

KEPT = QuantizeSpec(keep_float=("head.leave",))
WARMUP = 5


def settings(words: list[str]) -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, nargs=2, default=(256, 256), help="height and width, multiples of 32")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument(
        "--rounds", type=int, default=3, help="the best median of so many counts: the machine is shared"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("artifacts/benchmarks"))
    parser.add_argument("--keep", action="store_true", help="put the file where it is committed")
    return parser.parse_args(words)


def rows(size: tuple[int, int], runs: int, rounds: int, threads: int) -> tuple[FpsRow, ...]:
    """Both kinds of each network, timed in turn."""
    dark = np.random.default_rng(0).random((1, 3, *size), np.float32) * np.float32(0.2)
    nets = untrained(WIDTH, MEND, CLASSES)
    timed: dict[str, Callable[[], None]] = {}
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as text:
        for name, net in nets.items():
            kept = KEPT if hasattr(net, "head") else QuantizeSpec()
            fake = insert_fake_quant(net, [torch.from_numpy(dark)], Scheme(), kept)
            for kind, module in (("float", net), ("int8", strip(fake, *size))):
                files = make(module, f"{kind}-{name}".replace(" ", "-"), size, Path(text))
                timed[f"{kind} {name}"] = (
                    open_runtime("openvino").load(Path(text), files, RunOptions(threads)).prepare(dark)
                )
        for _ in range(rounds):
            with exclusive():
                samples = measure_latency(timed, WARMUP, runs)
            best = {name: min(best.get(name, np.inf), statistics.median(each)) for name, each in samples.items()}
    return tuple(
        FpsRow(
            network=name, params=sum(p.numel() for p in net.parameters()), macs=count_macs(net, *size),
            float_ms=best[f"float {name}"], int8_ms=best[f"int8 {name}"],
        )
        for name, net in nets.items()
    )  # fmt: skip


def main(words: list[str]) -> int:
    """Make, measure, print, write."""
    options = settings(words)
    size = (options.size[0], options.size[1])
    found = FpsFile(
        command=f"python benchmarks/night_fps.py {shlex.join(words)}".strip(), commit=commit(), size=size,
        threads=options.threads, runs=options.runs, rounds=options.rounds, fingerprint=fingerprint(),
        rows=rows(size, options.runs, options.rounds, options.threads),
    )  # fmt: skip
    for folder in (options.out, *((RESULTS,) if options.keep else ())):
        folder.mkdir(parents=True, exist_ok=True)
        found.write(folder / FILE)
    print(fps_table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
