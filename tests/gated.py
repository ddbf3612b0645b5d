"""Small bundles of real tiny builds, and ``compress gate`` on two of them."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
from tiny_chain import Chain

from compress.bundle.contract import BuildContract, ContractFile
from compress.cli import execute
from compress.records import BuildList, Check, QualityReport, QualityRow, SpeedReport, SpeedRow, VerdictRecord
from compress.regression.records import RegressionReport

IMAGES = tuple(f"{number}.png" for number in range(16))
PSNR = tuple(20.0 + number / 4 for number in range(16))


def small_bundle(
    chain: Chain, folder: Path, *, psnr: tuple[float, ...] = PSNR, ssim: float = 0.8, digest: str = "d" * 64,
    verdict: str = "pass", runtimes: tuple[str, ...] = ("onnx",),
) -> Path:  # fmt: skip
    """What ``compress gate`` reads of a bundle: the builds with their contract, and the report."""
    shutil.copytree(chain.builds.folder, folder)
    builds = [
        BuildContract(**{name: getattr(build, name) for name in BuildContract.model_fields if hasattr(build, name)})
        for build in BuildList.read(folder / "builds.json").builds if build.ships and build.runtime in runtimes
    ]  # fmt: skip
    ContractFile(builds=tuple(builds)).write(folder / "contract.json")
    (folder / "report").mkdir()
    rows = tuple(
        QualityRow(variant="int8", runtime=name, psnr_db=psnr, ssim=(ssim,) * 16, psnr_gtmean_db=psnr)  # type: ignore[arg-type]
        for name in runtimes
    )
    QualityReport(
        definition="as ever", decoder="Pillow", data_digest=digest, data_kind="paired", images=IMAGES, rows=rows
    ).write(folder / "report" / "quality.json")
    (folder / "manifest.json").write_text(f"manifest of {folder.name}")
    check = Check(name="min_fps", limit=20, measured=10, unit="FPS", origin="measured", result=verdict)  # type: ignore[arg-type]
    VerdictRecord(result=verdict, checks=(check,)).write(folder / "report" / "verdict.json")  # type: ignore[arg-type]
    return folder


def gate_of(chain: Chain, candidate: Path, baseline: Path, *words: str) -> tuple[int, dict[str, str], RegressionReport]:
    out = candidate.parent / "gate.json"
    command = ["gate", str(candidate), "--baseline", str(baseline), "--store", str(chain.root), "--json", str(out)]
    code = execute([*command, "--rounds", "30", "--threads", "1", *words])
    report = RegressionReport.read(out)
    return code, {each.name: each.result for each in report.differences}, report


def other_bytes(folder: Path) -> Path:
    """The same graph in another file."""
    path = folder / "int8-onnx-32x48.onnx"
    model = onnx.load(str(path))
    model.doc_string = "other bytes"
    onnx.save(model, str(path))
    return folder


def make_slow(folder: Path) -> None:
    """Windows over the answer, again and again."""
    path = folder / "int8-onnx-32x48.onnx"
    model = onnx.load(str(path))
    (bright,) = model.graph.output
    before = f"{bright.name}_before"
    for node in model.graph.node:
        node.output[:] = [before if name == bright.name else name for name in node.output]
    pool = {"kernel_shape": [9, 9], "pads": [4, 4, 4, 4]}
    for place in range(40):
        given, made = (before if at == 0 else f"slow_{at}" for at in (place, place + 1))
        model.graph.node.append(onnx.helper.make_node("MaxPool", [given], [made], **pool))
    model.graph.node.append(onnx.helper.make_node("Identity", ["slow_40"], [bright.name]))
    onnx.save(model, str(path))


def with_speed(bundle: Path, p50_ms: float, device: str = "here", **facts: str) -> Path:
    """A report of 40 runs of the build that ships and of one that does not."""
    rows = tuple(
        SpeedRow(
            build=name, variant="int8", runtime="onnx", height=32, width=48, precision="int8", runs=40, p50_ms=p50_ms,
            p90_ms=p50_ms, p99_ms=p50_ms, fps=1e3 / p50_ms, origin="measured",
            samples_ms=tuple(p50_ms + number % 5 / 100 for number in range(40)),
        )
        for name in ("int8-onnx-32x48", "student-onnx-32x48")
    )  # fmt: skip
    SpeedReport(device=device, fingerprint={"cpu": "two", **facts}, rows=rows).write(bundle / "report" / "speed.json")
    return bundle
