"""What plain PTQ of the whole network costs, and what the sensitivity stage wins back, layer by layer.

A student of the shipped teacher, trained for a minute on the embedded photographs (288 steps), is quantized by PTQ
with nothing kept float (the light branch too, symmetric codes as TensorRT wants them), once with a scale for each
channel and once with one for each layer. The stage then promotes layers until the drop on validation pictures is
within the limits.
Prints one table, writes ``artifacts/benchmarks/ptq_promotion.json``. Quality only on the pictures named; milliseconds
of this machine. ``python benchmarks/ptq_promotion.py [--store FOLDER] [--limit 0.02] [--worst 0.05]``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from compress import flow
from compress.artefacts import Quantized, Student
from compress.config.load import load_plans
from compress.devices.runner.fingerprint import fingerprint
from compress.models.enhance import pad_to_multiple, to_tensor
from compress.models.quantized import insert_fake_quant, read_table, save_fake_quant
from compress.models.weights import load_net, save_net
from compress.report.sensitivity import lines
from compress.schema import DataSpec, LayerTiming, Promotion, QuantizeSpec, Scheme, SensitivitySpec
from compress.sensitivity.records import SensitivityReport
from compress.stages import load_stage
from compress.store.store import Store

SCHEMES = {
    "a scale for each channel": Scheme(activations="symmetric"),
    "a scale for each layer": Scheme(activations="symmetric", weights="per_tensor"),
}
FRAMES = 16
LOCAL = LayerTiming(runtime="openvino", local=True, threads=1, float_precision="f32")


WORDS = (
    "recipe=kd_int8", "target=x86_edge", "stages=[teacher,distill]",
    "distill.train.phases=[{epochs: 40, batch: 16, downscale: 4}, {epochs: 4, batch: 8, downscale: 2}]",
)  # fmt: skip
"""A short distillation under the shipped teacher on the embedded photographs."""


def quantize(student: Student, scheme: Scheme, data: DataSpec, folder: Path) -> Quantized:
    """PTQ of everything, untrained."""
    from compress.data.source import open_data, spread

    folder.mkdir()
    source, net = open_data(data, "train"), load_net(student.weights).eval()
    multiple = int(net.size_multiple)  # type: ignore[arg-type]
    frames = [pad_to_multiple(to_tensor(source.pair(i)[0]), multiple) for i in spread(len(source), FRAMES)]
    save_net(net, folder / "net.safetensors")
    fake = insert_fake_quant(net, frames, scheme, QuantizeSpec())
    for which in ("qat", "ptq"):
        save_fake_quant(fake, folder, which)
    read_table(fake, scheme, ()).write(folder / "quantization.json")
    return Quantized(folder, "key", "digest")


def promote(quantized: Quantized, scheme: Scheme, data: DataSpec, limits: Promotion, folder: Path) -> SensitivityReport:
    """The stage by itself."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    load_stage("sensitivity").function(
        quantized, SensitivitySpec(max_images=4), limits, scheme, data, LOCAL, folder, scratch, flow.Quiet()
    )
    return SensitivityReport.read(folder / "sensitivity.json")


def main() -> None:
    """Train, quantize, promote, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, help="where the student may lie already; none: a folder that is removed")
    parser.add_argument("--limit", type=float, default=0.02, help="mean dB that INT8 may cost")
    parser.add_argument("--worst", type=float, default=0.05, help="dB that it may cost the worst picture")
    options = parser.parse_args()
    limits = Promotion(
        float_layers=True, max_int8_drop_db=options.limit, max_worst_drop_db=options.worst, size=(400, 600)
    )
    plan, begun, rows = load_plans(WORDS)[0], time.perf_counter(), {}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        student = flow.run(plan, Store(options.store or folder / "store")).newest(Student)
        assert student is not None
        print(f"student ready in {time.perf_counter() - begun:.0f} s")
        for number, (name, scheme) in enumerate(SCHEMES.items()):
            begun = time.perf_counter()
            quantized = quantize(student, scheme, plan.data, folder / f"quantized{number}")
            report = promote(quantized, scheme, plan.data, limits, folder / f"promoted{number}")
            rows[name] = report.model_dump(mode="json")
            print(f"\n{name}, PTQ, nothing kept float ({time.perf_counter() - begun:.0f} s)")
            print("\n".join(lines(report)))
    out = Path("artifacts/benchmarks")
    out.mkdir(parents=True, exist_ok=True)
    (out / "ptq_promotion.json").write_text(json.dumps({"rows": rows, "fingerprint": fingerprint()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
