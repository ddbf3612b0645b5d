"""``recipe=real_sr`` for one camera: what INT8 costs its student in each runtime, and frames a second in OpenVINO.

    python benchmarks/real_sr_camera.py            # into artifacts/benchmarks
    python benchmarks/real_sr_camera.py --keep     # into benchmarks/results and docs/real-sr.md, too

The camera's frames are the embedded photographs, shrunk by one known kernel and cut in four. The chain runs once for
``x86_edge`` (ONNX Runtime, OpenVINO, LiteRT), once for ``rk3588`` (RKNN's simulator), once for ``jetson`` (TensorRT's
symmetric codes in ONNX Runtime, for no engine runs here), and once more from the export on for builds of 640x360, which
are timed: LiteRT and RKNN take pictures of one size alone, and the frames are smaller. All goes through the store, so
that a run that was stopped goes on. LiteRT, RKNN and TensorRT need ``compress setup``.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

import torch
from PIL import Image
from real_sr_bench.camera import Camera, camera_markdown, losses, speeds
from real_sr_bench.measure import true_kernel
from real_sr_bench.table import write_page

from compress.artefacts import Measurements, Student
from compress.config.load import load_plans
from compress.console import make_console
from compress.data.embedded import embedded_files
from compress.data.pictures import read_picture
from compress.degradation.kernel import shrunk
from compress.devices.runner.fingerprint import device_name
from compress.flow import run
from compress.models.enhance import to_picture, to_tensor
from compress.models.weights import load_net
from compress.records import QualityReport, SpeedReport
from compress.schema import DataSpec
from compress.store.sources import git_commit
from compress.store.store import Store

HERE = Path(__file__).resolve().parent
RESULTS, PAGE = HERE / "results" / "real_sr_camera.json", HERE.parent / "docs" / "real-sr.md"
SCALE, KERNEL = 2, 4
CUT = (96, 144)
"""Height and width of a frame, so that what it is made to is 48x72."""
LOW = [side // SCALE for side in CUT]
QUALITY = {
    "x86_edge": ("target.export.builds=[onnx,openvino,tflite]",), "rk3588": ("target.export.builds=[onnx,rknn]",),
    "jetson": ("target.export.builds=[onnx,tensorrt]", "quantize.keep_float=[repair.enter]"),
}  # fmt: skip
"""TensorRT's codes are symmetric, so what is never negative has 7 bits of them: the picture itself stays float16."""
TRAINED = tuple(
    f"{stage}.train.phases=[{{epochs: {epochs}, batch: 4, crop: {LOW[0]}}}]"
    for stage, epochs in (("teach", 200), ("distill", 300), ("prune", 60), ("quantize", 150))
)
"""The recipe's own epochs, on cuts as high as these small frames."""
FAST = ("target.export.builds=[onnx,openvino]", "target.export.size=[360,640]")


def frames(folder: Path) -> int:
    """Write the camera's frames as PNG; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    taps, count = true_kernel(KERNEL, SCALE), 0
    for name, path in embedded_files(DataSpec(licence="each its own", kind="embedded")).items():
        picture = read_picture(path)
        sides = [side // (2 * SCALE) * 2 * SCALE for side in picture.shape[:2]]
        small = to_picture(shrunk(to_tensor(picture[: sides[0], : sides[1]]), taps, SCALE))
        for place in range(4):
            top, left = (0 if place < 2 else small.shape[0] - CUT[0]), (0 if place % 2 == 0 else -CUT[1])
            cut = small[top : top + CUT[0], left:][:, : CUT[1]]
            Image.fromarray(cut).save(folder / f"{name}-{place}.png")
            count += 1
    return count


def measured(target: str, more: tuple[str, ...], options: argparse.Namespace) -> tuple[Measurements, Student]:
    """The chain for one target with ``more`` words."""
    words = (
        "recipe=real_sr", f"target={target}", "data=frames", f"data.root={options.out / 'frames'}", "data.gap=0",
        "data.test_fraction=0.2", "validation.max_images=8", "target.export.dynamic=false", *TRAINED, *more,
        *options.more,
    )  # fmt: skip
    console = make_console()
    with console:
        done = run(load_plans(words)[0], Store(options.store), console)
    found, student = done.newest(Measurements), done.newest(Student)
    assert found is not None and isinstance(student, Student)
    return found, student


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", nargs="+", choices=list(QUALITY), default=list(QUALITY))
    parser.add_argument("--store", type=Path, default=Path(os.environ.get("COMPRESS_STORE", "artifacts/store")))
    parser.add_argument("--out", type=Path, default=Path("artifacts/benchmarks/real_sr_camera"))
    parser.add_argument("--with", nargs="*", default=[], dest="more", metavar="WORD", help="words for every chain")
    parser.add_argument("--keep", action="store_true", help="put figures and tables where they are committed")
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    command = f"python benchmarks/real_sr_camera.py {shlex.join(sys.argv[1:])}".strip()
    found = Camera(
        command=command, commit=git_commit(HERE) or "unknown", machine=device_name(), load="", scale=SCALE,
        kernel=KERNEL, params=0, frames=frames(options.out / "frames"), losses=(), speeds=(),
    )  # fmt: skip
    for target in options.targets:
        measurements, student = measured(target, (*QUALITY[target], f"target.export.size={LOW}"), options)
        params = sum(each.numel() for each in load_net(student.weights).parameters())
        more = losses(target, QualityReport.read(measurements.folder / "quality.json"))
        found = found.model_copy(update={"params": params, "losses": (*found.losses, *more)})
        found.write(options.out / RESULTS.name)
    if "x86_edge" in options.targets:
        speed = SpeedReport.read(measured("x86_edge", FAST, options)[0].folder / "speed.json")
        load = f"load average {speed.fingerprint.get('load_average_1min', 'unknown')}"
        found = found.model_copy(update={"load": load, "speeds": speeds("x86_edge", speed)})
        found.write(options.out / RESULTS.name)
    print(camera_markdown(found))
    if options.keep:
        found.write(RESULTS)
        write_page(PAGE, camera_markdown(found), "camera")


if __name__ == "__main__":
    main()
