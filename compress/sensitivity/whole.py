"""What whole networks take on this machine, as the builds that would ship: layers alone leave out what lies between."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from compress.sensitivity.cost import OPSET, PROFILERS, Machine

if TYPE_CHECKING:
    from torch import nn

_WARMUP, _RUNS = 3, 30


def can_time(machine: Machine) -> bool:
    """Whether the device is this machine, and its runtime one whose layers are timed here."""
    return machine.local and machine.runtime in PROFILERS


def whole_latencies_ms(nets: Sequence[nn.Module], machine: Machine) -> list[float]:
    """Median ms of each network (stripped, in eval mode) for one picture, all in turn. The first is the float one.

    That one computes in f32 whatever the device's float precision, as INT8 is held against it everywhere.

    Raises BuildError when one can't be exported or built.
    """
    import numpy as np

    from compress.devices.local import exclusive
    from compress.devices.runner.timing import measure_latency
    from compress.runtimes import open_runtime
    from compress.runtimes.base import RunOptions
    from compress.runtimes.interchange import OnnxRequest, export_onnx

    runtime = open_runtime(machine.runtime)
    x = np.full((1, 3, *machine.size), 0.1, np.float32)
    with tempfile.TemporaryDirectory() as text:
        folder, runs = Path(text), {}
        for place, net in enumerate(nets):
            source = folder / f"net{place}.onnx"
            export_onnx(net, OnnxRequest(machine.size, False, OPSET, {}), source)
            files = runtime.build(source, source.stem, folder)
            options = RunOptions(machine.threads, machine.float_precision if place else "f32")
            runs[source.stem] = runtime.load(folder, files, options).prepare(x)
        with exclusive():
            samples = measure_latency(runs, _WARMUP, _RUNS)
    return [round(statistics.median(samples[name]), 4) for name in runs]
