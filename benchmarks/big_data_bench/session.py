"""What one process does with a set: its digest, opening it, and some steps of training."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import torch

from big_data_bench.records import Session
from compress.data.source import data_digest, open_data
from compress.flow import Quiet
from compress.losses.distill import Supervised
from compress.models import build_net
from compress.peak_memory import PeakMemory
from compress.reading import Reading, reading_in
from compress.schema import DataSpec, Phase, PictureLoss, Train
from compress.tasks import ENHANCE
from compress.training.loop import Ranks, fit

BATCH = 16


def session(spec: DataSpec, steps: int) -> Session:
    """Of a process in which nothing was opened before; trains where ``steps`` is not 0."""
    reading = None
    with PeakMemory() as memory:
        digest, digest_s = timed_digest(spec)
        begun = time.perf_counter()
        train, val = open_data(spec, "train"), open_data(spec, "val")
        open_s = time.perf_counter() - begun
        assert len(train) and len(val)
        if steps:
            reading = _trained(spec, steps)
    return Session(digest=digest, digest_s=digest_s, open_s=open_s, peak_bytes=memory.peak_bytes, reading=reading)


def timed_digest(spec: DataSpec) -> tuple[str, float]:
    """The set's digest, and the seconds that it took."""
    begun = time.perf_counter()
    return data_digest(spec), time.perf_counter() - begun


def _trained(spec: DataSpec, steps: int) -> Reading | None:
    """The default student, on whole pictures."""
    torch.manual_seed(0)
    source = open_data(spec, "train")
    train = Train(phases=(Phase(epochs=steps * BATCH / len(source), batch=BATCH),), precision="fp32")
    with tempfile.TemporaryDirectory() as scratch:
        plan = ENHANCE.schedule(source, train, 0, None, Ranks(0, 1))
        fit(build_net("light_twin", {}), Supervised(PictureLoss()), plan, train, Path(scratch), Quiet())
        return reading_in(Path(scratch))
