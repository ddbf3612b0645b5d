"""Methods that nothing is trained for: the dark input, the classical ones, the shipped teacher."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from compress.classical import CLASSICAL
from compress.data.source import PairSource
from compress.metrics import gtmean_psnr_db, psnr_db, ssim
from compress.metrics.cumulative import indices_of, mean_of
from compress.store.digests import digest_of, file_digest
from compress.store.sources import sources_digest
from low_light_bench.records import Fixed, Kind, Scores

Picture = NDArray[np.uint8]
TEACHER = "low_light"
CLASSICAL_RUNS = 3


@dataclass(frozen=True)
class Course:
    """What all rows are measured on: pictures, size (height, width) and runs of the timing (0: none), threads."""

    source: PairSource
    data_digest: str
    size: tuple[int, int]
    runs: int
    threads: int


@dataclass(frozen=True)
class Method:
    """A row to be. ``sources``: digest of what decides its pictures; ``facts``: parameters, MACs, milliseconds."""

    name: str
    kind: Kind
    sources: str
    answer: Callable[[Picture], Picture]
    facts: Callable[[Course], tuple[int | None, int | None, float | None]]


def methods() -> Iterator[Method]:
    """Every method, in the table's order."""
    yield Method("dark input", "input", "", lambda dark: dark, lambda _: (None, None, None))
    for name, classical in CLASSICAL.items():
        sources = sources_digest("compress.classical")
        yield Method(name, "classical", sources, classical, partial(_classical_facts, classical))
    yield _teacher()


def measured(method: Method, course: Course, kept: Path) -> Fixed:
    """The row, from its file in ``kept`` where it was measured before on the same things."""
    identity = digest_of({
        "name": method.name, "sources": method.sources, "data": course.data_digest, "images": list(course.source.names),
        "size": list(course.size), "runs": course.runs, "threads": course.threads,
    })  # fmt: skip
    path = kept / f"{method.name.replace(' ', '-')}-{identity[:12]}.json"
    if path.is_file():
        return Fixed.read(path)
    answers = [(method.answer(dark), truth) for dark, truth in map(course.source.pair, range(len(course.source)))]
    params, macs, p50_ms = method.facts(course)
    row = Fixed(
        name=method.name, kind=method.kind, identity=identity, scores=scores_of(answers),
        indices=mean_of([indices_of(answer, truth) for answer, truth in answers]),
        params=params, macs=macs, p50_ms=p50_ms,
    )  # fmt: skip
    kept.mkdir(parents=True, exist_ok=True)
    row.write(path)
    return row


def scores_of(answers: list[tuple[Picture, Picture]]) -> Scores:
    """Of answers and their truths, one and more."""
    return Scores(
        psnr_db=tuple(round(psnr_db(answer, truth), 6) for answer, truth in answers),
        ssim=tuple(round(ssim(answer, truth), 8) for answer, truth in answers),
        gtmean_db=tuple(round(gtmean_psnr_db(answer, truth), 6) for answer, truth in answers),
    )


def timed(run: Callable[[Picture], Picture], course: Course) -> float | None:
    """Median time in ms of a method as it is, in Python, on the first picture brought to the timed size."""
    if not course.runs:
        return None
    dark = np.resize(course.source.pair(0)[0], (*course.size, 3))
    taken = []
    for _ in range(CLASSICAL_RUNS):
        began = time.perf_counter()
        run(dark)
        taken.append(1000.0 * (time.perf_counter() - began))
    return statistics.median(taken)


def _classical_facts(run: Callable[[Picture], Picture], course: Course) -> tuple[int | None, int | None, float | None]:
    return 0, None, timed(run, course)


def _teacher() -> Method:
    """The shipped teacher; its pictures through torch, its time through OpenVINO in float32."""
    from compress.models.enhance import enhance
    from compress.models.weights import load_net, resolve_weights

    path = resolve_weights(f"builtin:{TEACHER}")
    net = load_net(path).eval()
    sources = f"{file_digest(path)} {sources_digest('compress.models.retinex_unet')}"

    def facts(course: Course) -> tuple[int, int, float | None]:
        from compress.models.pruning import count_macs

        return sum(p.numel() for p in net.parameters()), count_macs(net, *course.size), _openvino_ms(net, course)

    return Method(f"teacher {TEACHER}", "teacher", sources, lambda dark: enhance(net, dark), facts)


def _openvino_ms(net: object, course: Course) -> float | None:
    """p50 in ms of ``net`` alone, batch 1."""
    if not course.runs:
        return None
    from torch import nn

    from compress.devices.local import exclusive
    from compress.devices.runner.timing import measure_latency
    from compress.runtimes import open_runtime
    from compress.runtimes.base import RunOptions
    from compress.runtimes.interchange import OnnxRequest, export_onnx

    assert isinstance(net, nn.Module)
    dark = np.random.default_rng(0).random((1, 3, *course.size), np.float32) * np.float32(0.2)
    runtime = open_runtime("openvino")
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        export_onnx(net, OnnxRequest(course.size, False, 18, {}), folder / "net.onnx")
        files = runtime.build(folder / "net.onnx", "net", folder)
        ready = runtime.load(folder, files, RunOptions(course.threads)).prepare(dark)
        with exclusive():
            samples = measure_latency({"net": ready}, min(10, course.runs), course.runs)
    return statistics.median(samples["net"])
