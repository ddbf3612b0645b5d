"""All students, trained a few steps with one schedule on the embedded pictures: quality, size and speed side by side.

No teacher and no tuning: it compares networks, not recipes. INT8 is plain PTQ with ``light`` left float; FP32 and INT8
of all run through OpenVINO in turn, in one process. Prints a table and writes ``students.json`` into ``--out``; what is
trained there already is not trained again, and a training that was stopped goes on.
``python benchmarks/students.py [--steps 400] [--only NAME ...] [--size 400 600] [--runs 60]``;
``--task denoise`` does the same for those that keep brightness, on the photographs with a camera's noise at full light.
``--pages`` puts the figures of the last run of each task onto docs/students and measures nothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import numpy as np
import torch
from student_pages.pages import table, write_pages
from student_pages.records import StudentsFile, Timed, Trained
from torch import nn

from compress.config.load import load_data
from compress.data.source import open_data, spread
from compress.devices.local import exclusive
from compress.devices.runner.fingerprint import device_name
from compress.devices.runner.timing import measure_latency
from compress.losses.distill import Supervised
from compress.metrics import psnr_db, ssim
from compress.models import NETWORKS, STUDENT_NAMES, students_of_any_task
from compress.models.enhance import enhance, pad_to_multiple, to_tensor
from compress.models.pruning import count_macs
from compress.models.quantized import insert_fake_quant, strip
from compress.models.student import student_to_train, trained_student
from compress.models.weights import load_net, save_net
from compress.runtimes import open_runtime
from compress.runtimes.base import RunOptions
from compress.runtimes.interchange import OnnxRequest, export_onnx
from compress.schema import (
    Augment,
    DataSpec,
    Phase,
    PictureLoss,
    QuantizeSpec,
    Scheme,
    StudentSpec,
    TaskData,
    TaskSpec,
    Train,
)
from compress.store.digests import digest_of
from compress.store.sources import sources_digest
from compress.training.course import train_net

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "students"
DATA, THREADS, CALIBRATION = "embedded", 2, 8
KEPT = QuantizeSpec(keep_float=("light", "lgc"))
LOSSES = {
    "enhance": PictureLoss(charbonnier=0.5, log_error=1.0, ssim=1.0, colour=0.1),
    "denoise": PictureLoss(charbonnier=1.0, ssim=0.1),
}
"""By task; what each compares is students of its own."""
HALF, WHOLE = 8, 2
"""Pictures a step, at half and at full size."""

Size = tuple[int, int]


class Lines:
    """A line for each tenth of a training."""

    def __init__(self, name: str) -> None:
        self.name, self.tenth = name, -1

    def update(self, done: float, total: float, note: str = "") -> None:
        """Of ``total`` steps ``done`` are done."""
        if int(10 * done / total) > self.tenth:
            self.tenth = int(10 * done / total)
            print(f"{self.name}: {10 * self.tenth} % {note}", file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        """A line of its own."""
        print(f"{self.name}: {line}", file=sys.stderr, flush=True)


def students(task: str) -> tuple[str, ...]:
    """Those made for a task."""
    return STUDENT_NAMES if task == "enhance" else students_of_any_task()


def file_name(task: str) -> str:
    """Where a task's figures lie."""
    return "students.json" if task == "enhance" else f"students-{task}.json"


def task_of(data: DataSpec) -> str:
    """What the pictures are for."""
    return data.task.kind if isinstance(data, TaskData) else "enhance"


def schedule(steps: int, pairs: int, exposure: float = 0.25) -> Train:
    """Three quarters of ``steps`` on pictures at half size, the rest at full size; ``pairs`` in the training split."""
    half = max(1, 3 * steps // 4)
    phases = (
        Phase(epochs=half * min(HALF, pairs) / pairs, batch=HALF, downscale=2),
        Phase(epochs=max(1, steps - half) * min(WHOLE, pairs) / pairs, batch=WHOLE, lr_scale=0.5),
    )
    return Train(phases=phases, lr=2e-3, ema=0.99, augment=Augment(exposure=exposure, zoom=0.8))


def pictures(size: Size | None, task: str = "enhance") -> DataSpec:
    """The embedded photographs as the task has them, cut to ``size`` where one is given."""
    data = load_data(ROOT / "calibration" / f"{DATA}.yaml")
    data = data if size is None else data.model_copy(update={"size": size})
    return data if task == "enhance" else TaskData(**dict(data), task=TaskSpec(kind="denoise"))


def identity_of(name: str, train: Train, data: DataSpec) -> str:
    """Changes with whatever decides the trained weights."""
    return digest_of(
        {
            "student": StudentSpec(network=name).identity(), "train": train.model_dump(mode="json"),
            "loss": LOSSES[task_of(data)].model_dump(mode="json"), "data": data.model_dump(mode="json"),
            "torch": torch.__version__,
            "sources": [sources_digest(each) for each in ("compress.models.student", "compress.training.course")],
        }
    )  # fmt: skip


def trained(name: str, train: Train, data: DataSpec, out: Path) -> nn.Module:
    """The student of that name, from its folder below ``out`` or trained into it."""
    folder = out / f"{name}-{identity_of(name, train, data)[:12]}"
    if not (folder / "net.safetensors").is_file():
        (folder / "scratch").mkdir(parents=True, exist_ok=True)
        torch.manual_seed(0)
        net = student_to_train(StudentSpec(network=name))
        train_net(net, Supervised(LOSSES[task_of(data)]), train, data, 0, folder, folder / "scratch", Lines(name))
        save_net(trained_student(net), folder / "net.part")
        (folder / "net.part").rename(folder / "net.safetensors")
    return load_net(folder / "net.safetensors")


def quantized(net: nn.Module, data: DataSpec, size: Size) -> nn.Module:
    """``net`` under plain PTQ, stripped for pictures of ``size``."""
    source, multiple = open_data(data, "train"), int(net.size_multiple)  # type: ignore[arg-type]
    frames = [pad_to_multiple(to_tensor(source.pair(i)[0]), multiple) for i in spread(len(source), CALIBRATION)]
    return strip(insert_fake_quant(net, frames, Scheme(), KEPT), *size)


def quality(net: nn.Module, multiple: int, data: DataSpec) -> tuple[float, float]:
    """Mean PSNR in dB and mean SSIM on the test split."""
    net.size_multiple = multiple  # type: ignore[assignment]
    source = open_data(data, "test")
    found = []
    for dark, bright in (source.pair(i) for i in range(len(source))):
        answer = enhance(net, dark)
        found.append((psnr_db(answer, bright), ssim(answer, bright)))
    return statistics.fmean(p for p, _ in found), statistics.fmean(s for _, s in found)


def row_of(name: str, net: nn.Module, int8: nn.Module, data: DataSpec, size: Size) -> Trained:
    """Size and quality of one student."""
    multiple = int(net.size_multiple)  # type: ignore[arg-type]
    floating, small = quality(net, multiple, data), quality(int8, multiple, data)
    return Trained(
        network=name, settings=dict(NETWORKS[name].defaults), params=sum(p.numel() for p in net.parameters()),
        macs=count_macs(net, *size), psnr_db=floating[0], ssim=floating[1], int8_psnr_db=small[0], int8_ssim=small[1],
    )  # fmt: skip


def times(nets: dict[str, tuple[nn.Module, nn.Module]], size: Size, runs: int, out: Path) -> tuple[Timed, ...]:
    """FP32 and INT8 of all through OpenVINO, in turn."""
    dark = np.random.default_rng(0).random((1, 3, *size), np.float32) * np.float32(0.2)
    ready, runtime = {}, open_runtime("openvino")
    for name, pair in nets.items():
        for kind, net in zip(("fp32", "int8"), pair, strict=True):
            source = out / f"{kind}-{name}.source.onnx"
            export_onnx(net, OnnxRequest(size, False, 18, {}), source)
            files = runtime.build(source, f"{kind}-{name}", out)
            ready[f"{kind}-{name}"] = runtime.load(out, files, RunOptions(THREADS)).prepare(dark)
    with exclusive():
        samples = measure_latency(ready, min(10, runs), runs)
    p50 = {name: statistics.median(each) for name, each in samples.items()}
    return tuple(Timed(network=name, fp32_ms=p50[f"fp32-{name}"], int8_ms=p50[f"int8-{name}"]) for name in nets)


def settings() -> argparse.Namespace:
    """The command's words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--task", choices=tuple(LOSSES), default="enhance")
    parser.add_argument("--only", nargs="+", choices=tuple(NETWORKS), default=None, help="of the task's; none: all")
    parser.add_argument("--size", type=int, nargs=2, default=(400, 600), help="of the timed pictures")
    parser.add_argument("--pictures", type=int, nargs=2, default=None, help="size of the training pictures")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("artifacts/benchmarks/students"))
    parser.add_argument("--pages", action="store_true")
    return parser.parse_args()


def measured(asked: argparse.Namespace) -> StudentsFile:
    """Train, measure and time what is asked for."""
    size, data = (asked.size[0], asked.size[1]), pictures(asked.pictures and tuple(asked.pictures), asked.task)
    train = schedule(asked.steps, len(open_data(data, "train")), 0.25 if asked.task == "enhance" else 0.0)
    names = [name for name in students(asked.task) if asked.only is None or name in asked.only]
    asked.out.mkdir(parents=True, exist_ok=True)
    nets, rows = {}, []
    for name in names:
        net = trained(name, train, data, asked.out)
        int8 = quantized(net, data, size)
        nets[name] = (net, int8)
        rows.append(row_of(name, net, int8, data, size))
    return StudentsFile(
        identity=digest_of([identity_of(name, train, data) for name in names]), steps=asked.steps,
        data=DATA if asked.task == "enhance" else f"{DATA}, {asked.task}",
        test_images=len(open_data(data, "test")), size=size, timed_runs=asked.runs, threads=THREADS,
        machine=device_name(), trained=tuple(rows), timed=times(nets, size, asked.runs, asked.out),
    )  # fmt: skip


def main() -> None:
    """Measure, print and write; or only write the pages."""
    asked = settings()
    if asked.pages:
        kept = [path for task in LOSSES if (path := asked.out / file_name(task)).is_file()]
        if not kept:
            raise SystemExit(f"{asked.out}: no figures yet; run python benchmarks/students.py first")
        for page in (page for path in kept for page in write_pages(StudentsFile.read(path), PAGES)):
            print(page)
        return
    found = measured(asked)
    found.write(asked.out / file_name(asked.task))
    print(table(found))


if __name__ == "__main__":
    main()
