"""INT8 drop and speed side by side: compress, NNCF, ONNX Runtime, ai-edge-quantizer and Olive on one student.

All get the float student of one run, the calibration pictures that our own quantizer saw and the whole test split; each
peer quantizes the whole graph as it would by default, and once more with our float islands left out by its own option.
Every file runs through its own runtime and is timed in turn with the FP32 file of that runtime.

``python benchmarks/peers.py [--store FOLDER] [--run EXPORT] [--root PAIRS]`` prints a table and writes
``artifacts/benchmarks/peers.json``. Rows that are done are kept in ``artifacts/benchmarks/peers/`` and not redone, so
a run that was stopped goes on. ``--setup`` makes the environment of Olive, ``compress setup tflite`` that of
ai-edge-quantizer; a peer whose environment is absent is a row that says so.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path

from side_by_side import ai_edge, nncf_ptq, olive, ort_static, ours
from side_by_side.measure import Course, measure, remove_files
from side_by_side.peer import Job, Row
from side_by_side.records import Measured, PeersFile
from side_by_side.student import NoStudent, Student, choose
from side_by_side.table import markdown

from compress.errors import CompressError
from compress.records import RuntimeName
from compress.store.digests import digest_of
from compress.store.store import Store

OUT = Path("artifacts/benchmarks")
OPSET = 18
SMOKE = ("recipe=tiny", "target=x86_edge", "data.size=[64,96]", "target.export.size=[64,96]",
         "stages=[teacher,distill,prune,quantize,export]")  # fmt: skip


class Lines:
    """A progress that prints a line a step."""

    def update(self, done: float, total: float, note: str = "") -> None:
        """Print which step begins."""
        print(f"[{done:g}/{total:g}] {note}", file=sys.stderr, flush=True)

    def say(self, line: str) -> None:
        """Print a line."""
        print(line, file=sys.stderr, flush=True)


def all_rows() -> tuple[Row, ...]:
    """Every row, by runtime: the float student, peers, ours."""
    order: tuple[RuntimeName, ...] = ("openvino", "onnx", "tflite")
    rows = (*ours.FLOAT_ROWS, *nncf_ptq.ROWS, *ort_static.ROWS, *olive.ROWS, *ai_edge.ROWS, *ours.ROWS)
    return tuple(row for runtime in order for row in rows if row.runtime == runtime)


def prepare(student: Student, options: argparse.Namespace, folder: Path) -> Course:
    """The files that all rows start from, in ``folder``, and the test pictures. Raises CompressError."""
    import onnx
    from side_by_side.islands import int8_nodes

    from compress.data.frames import write_frames
    from compress.models.quantized import load_fake_quant, strip
    from compress.models.weights import load_net
    from compress.parity.frames import data_frames
    from compress.runtimes.interchange import OnnxRequest, export_onnx
    from compress.runtimes.picture import padded_size

    frames = data_frames(student.data, "test", options.images)
    net = load_net(student.weights)
    multiple = int(net.size_multiple)  # type: ignore[arg-type]
    height, width = options.size or frames.frame(0).dark.shape[:2]
    size = padded_size(height, width, multiple)
    identity = digest_of({
        "weights": student.weights_digest, "quantized": student.quantized_digest, "data": frames.digest,
        "images": list(frames.names), "size": list(size), "calibration": student.calibration_images,
        "threads": options.threads, "runs": options.runs,
    })  # fmt: skip
    place = folder / identity[:12]
    place.mkdir(parents=True, exist_ok=True)
    place = place.resolve()
    nets = {
        "float": net,
        "trained": strip(load_fake_quant(student.quantized, "qat"), *size),
        "untrained": strip(load_fake_quant(student.quantized, "ptq"), *size),
    }
    for name, module in nets.items():
        export_onnx(module.eval(), OnnxRequest(size, False, OPSET, {}), place / f"{name}.onnx")
    write_frames(student.data, size, student.calibration_images, place / "frames.npy")
    trained = place / "trained.onnx"
    job = Job(
        onnx=place / "float.onnx", trained=trained, untrained=place / "untrained.onnx", frames=place / "frames.npy",
        int8_nodes=int8_nodes(onnx.load(str(trained))), folder=place, threads=options.threads,
    )  # fmt: skip
    return Course(job, frames, size, multiple, options.runs, identity)


def report(student: Student, course: Course, rows: tuple[Measured, ...]) -> PeersFile:
    """The record of them all."""
    from importlib import metadata

    from compress.devices.runner.fingerprint import fingerprint
    from compress.metrics import DEFINITION

    names = ("torch", "nncf", "onnx", "onnxruntime", "openvino", "ai-edge-litert")
    return PeersFile(
        student=student.title, student_digest=student.weights_digest, quantized_digest=student.quantized_digest,
        data_kind=student.data.kind, data_digest=course.frames.digest, definition=DEFINITION,
        images=course.frames.names,
        cut_images=sum(course.fitted(frame) is not frame for frame in course.frames),
        height=course.size[0], width=course.size[1], calibration_images=student.calibration_images,
        seed=student.seed, threads=course.job.threads, fingerprint=fingerprint(),
        versions={name: metadata.version(name) for name in names}, rows=rows,
    )  # fmt: skip


def make_tiny_run(folder: Path) -> Store:
    """A store with a run of ``recipe=tiny``: seconds, and figures that mean nothing."""
    from compress import flow
    from compress.config.load import load_plans

    store = Store(folder / "store")
    flow.run(load_plans(SMOKE)[0], store)
    return store


def run(options: argparse.Namespace) -> None:
    """Choose, measure, print, write. Raises CompressError."""
    if options.setup:
        made = olive.set_up(Lines())
        print(f"olive: ready; olive-ai {made.sdk_version}, Python {made.python}")
        return
    folder = options.out / "peers"
    store = make_tiny_run(folder) if options.smoke else Store(options.store)
    student = choose(store, options.run, options.root)
    course = prepare(student, options, folder)
    if options.fresh:
        remove_files(course.job.folder)
    rows = all_rows()
    wanted = frozenset(options.only.split(",") if options.only else (row.name for row in rows))
    with redirect_stdout(sys.stderr):  # peers draw progress bars; what is printed is the table alone
        measured = tuple(measure(course, rows, wanted, Lines()))
    file = report(student, course, measured)
    file.write(options.out / "peers.json")
    print(markdown(file), end="")


def main() -> int:
    """Give 0 also where there is nothing to measure, which is said; 2 for a mistake."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("COMPRESS_STORE", "artifacts/store"))
    parser.add_argument("--store", type=Path, default=default, help="folder of the finished stages")
    parser.add_argument("--run", help="builds by name or folder; else the newest run that can be measured")
    parser.add_argument("--root", type=Path, help="folder of the pairs that the student was trained on")
    parser.add_argument("--size", type=int, nargs=2, metavar=("H", "W"), help="of the files; else the pictures'")
    parser.add_argument("--images", type=int, help="only the first so many test pictures")
    parser.add_argument("--runs", type=int, default=60, help="timed runs of each file")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", help="names of rows, with commas between; others are shown if they are done")
    parser.add_argument("--fresh", action="store_true", help="measure again what is done")
    parser.add_argument("--smoke", action="store_true", help="make a run of recipe=tiny and measure that")
    parser.add_argument("--setup", action="store_true", help="make the environment of Olive, nothing else")
    parser.add_argument("--out", type=Path, default=OUT)
    try:
        run(parser.parse_args())
    except NoStudent as nothing:
        print(f"peers: skipped, {nothing}")
    except CompressError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
