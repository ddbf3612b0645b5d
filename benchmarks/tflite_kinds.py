"""What each kind of TFLite file costs: dB against the fake-quant network in torch, milliseconds, bytes.

On the embedded test pictures, which are narrower than ``--size`` and widened by their last column, for the network
in torch as well; the widening does not count. The student is chosen as by ``int8_runtimes.py`` (of an untrained one
the dB mean little). All files are timed in turn in one process; 16-bit layers are timed apart, for XNNPACK has none
and one run of them is as long as all others. Prints a table and writes ``artifacts/benchmarks/tflite_kinds.json``.
``python benchmarks/tflite_kinds.py [--store artifacts/store] [--size 400 600] [--runs 60]``.
"""

from __future__ import annotations

import statistics
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from int8_runtimes import Size, Student, pictures, settings, sources, student, write

from compress.data.frames import write_frames
from compress.data.pictures import fit
from compress.data.source import open_data
from compress.devices.local import exclusive
from compress.devices.runner.timing import measure_latency
from compress.metrics import psnr_db
from compress.models.enhance import enhance
from compress.runtimes import open_runtime, why_not_built
from compress.runtimes.base import BuildOptions, RunOptions, Session
from compress.runtimes.picture import to_batch, to_picture
from compress.tflite_kind import TfliteKind

KINDS = {
    "float": ("fp32", TfliteKind()),
    "float, float16 weights": ("fp32", TfliteKind(half_weights=True)),
    "int8 ends": ("int8", TfliteKind()),
    "float32 ends": ("int8", TfliteKind(ends="float32")),
    "float16 weights": ("int8", TfliteKind(half_weights=True)),
    "integer": ("int8", TfliteKind(arithmetic="integer")),
    "16-bit activations": ("int8", TfliteKind(activation_bits=16)),
}
SLOW = "16-bit activations"
WORKERS = 2
"""Converters at once; each takes 700 MB."""


def answers(made: Student, sessions: dict[str, Session], size: Size) -> list[dict[str, Any]]:
    """For each test picture: PSNR to the truth and to the fake-quant network, by kind."""
    source, rows = open_data(pictures((min(size[0], 512), min(size[1], 512))), "test"), []
    for index in range(len(source)):
        dark, bright = source.pair(index)
        height, width = dark.shape[:2]
        wide = fit(dark, *size)
        torch_says = {"fp32": enhance(made.floating, wide), "int8": enhance(made.fake, wide)}
        row = {}
        for name, session in sessions.items():
            picture = to_picture(session.infer(to_batch(wide, 8)), height, width)
            reference = torch_says[KINDS[name][0]][:height, :width]
            row[name] = psnr_db(picture, bright) - psnr_db(reference, bright), psnr_db(picture, reference)
        rows.append(row)
    return rows


def times(sessions: dict[str, Session], dark: Any, runs: int) -> dict[str, float]:
    """p50 in ms by kind."""
    ready = {name: session.prepare(dark) for name, session in sessions.items()}
    with exclusive():
        samples = measure_latency({name: run for name, run in ready.items() if name != SLOW}, 10, runs)
        samples |= measure_latency({SLOW: ready[SLOW]}, 1, 3)
    return {name: statistics.median(found) for name, found in samples.items()}


def main() -> None:
    """Make, measure, print, write."""
    asked = settings(__doc__ or "")
    size = (asked.size[0], asked.size[1])
    absent = why_not_built("tflite")
    if absent:
        print(absent)
        return
    runtime = open_runtime("tflite")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        frames = folder / "frames.npy"
        write_frames(pictures(size), size, 8, frames)
        made = student(asked.store, frames)
        given = sources(made, size, folder)
        sessions, kib = {}, {}
        with ThreadPoolExecutor(WORKERS) as pool:
            building = {
                name: pool.submit(
                    runtime.build, given[source], f"kind{number}", folder, BuildOptions(calibration=frames, tflite=kind)
                )
                for number, (name, (source, kind)) in enumerate(KINDS.items())
            }
            made_files = {name: one.result() for name, one in building.items()}
        for name, files in made_files.items():
            sessions[name] = runtime.load(folder, files, RunOptions(2))
            kib[name] = (folder / files[0]).stat().st_size / 1024
        rows = answers(made, sessions, size)
        p50 = times(sessions, np.load(frames)[:1], asked.runs)
    print(f"student: {made.origin}; {len(rows)} embedded test pictures of {size[0]}x{size[1]}; 2 threads, p50")
    print("dB: PSNR against ground truth minus torch's (fake-quant, or float for a float file); then PSNR to torch's")
    print(f"{'file':<24}{'mean dB':>9}{'worst dB':>10}{'to torch':>10}{'worst':>7}{'ms':>9}{'ratio':>7}{'KiB':>6}")
    table = []
    for name in KINDS:
        change, near = zip(*(row[name] for row in rows), strict=True)
        figures = (statistics.mean(change), min(change), statistics.mean(near), min(near))
        speed = (p50[name], p50["float"] / p50[name], kib[name])
        table.append({"kind": name, "change_db": change, "to_torch_db": near, "p50_ms": p50[name], "kib": kib[name]})
        print("{:<24}{:>9.4f}{:>10.4f}{:>10.2f}{:>7.2f}{:>9.2f}{:>7.2f}{:>6.0f}".format(name, *figures, *speed))
    write("tflite_kinds", {"student": made.origin, "rows": table})


if __name__ == "__main__":
    main()
