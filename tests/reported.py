"""Bundles as a report reads them: records with odd names in them, crops of made-up pictures; no networks, no builds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from compress.bundle.contract import CONTRACT, ContractFile
from compress.bundle.provenance import Provenance, StageProvenance
from compress.looks.album import Album
from compress.looks.records import Shown
from compress.records import (
    BuildList,
    Check,
    NetFacts,
    QualityReport,
    QualityRow,
    SpeedReport,
    SpeedRow,
    VerdictRecord,
)  # fmt: skip
from compress.report.subject import REPORTED, ReportedBuilds

EVIL = "<script>window.hit=1</script>\"'&.png"
"""The name of a picture, as nobody should give it."""
IMAGES = ("alley.png", EVIL, "cellar.png", "10.png", "9.png")
FLOAT_DB = (20.0, 21.0, 22.0, 23.0, 24.0)
INT8_DB = (19.9, 21.1, 20.5, 23.0, 23.9)
WIDTH, HEIGHT = 300, 220


def write_bundle(
    folder: Path, *, int8_db: tuple[float, ...] = INT8_DB, seed: int = 0, looks: bool = True, digest: str = "ab" * 32,
    result: Any = "pass",
) -> Path:  # fmt: skip
    """``seed`` makes other answers to the same pictures."""
    report = folder / "report"
    report.mkdir(parents=True)
    ContractFile(builds=()).write(folder / CONTRACT)
    nets = tuple(_net(variant, params) for variant, params in (("teacher", 2_000_000), ("student", 50_000)))
    ReportedBuilds(runtime="openvino", listed=BuildList(builds=(), nets=nets)).write(report / REPORTED)
    rows = (
        _row("input", "none", tuple(value - 12 for value in FLOAT_DB)), _row("teacher", "openvino", (25.0,) * 5),
        _row("student", "openvino", FLOAT_DB), _row("int8", "openvino", int8_db), _row("int8", "onnx", int8_db),
    )  # fmt: skip
    QualityReport(
        definition="as ever", decoder="Pillow", data_digest=digest, data_kind="paired", images=IMAGES, rows=rows
    ).write(report / "quality.json")
    _speed(seed).write(report / "speed.json")
    check = Check(name="min_fps", limit=20, measured=125.0, unit="FPS", origin="measured", result=result, note=EVIL)
    VerdictRecord(result=result, checks=(check,)).write(report / "verdict.json")
    stage = StageProvenance(
        stage="export", key="e" * 64, digest="d" * 64, sources_digest="c" * 64, versions={"torch": "2"}, git_commit=None
    )
    Provenance(
        recipe="tiny", target="bench & co", data="pairs", data_licence="mine", data_digest=digest, decoder="Pillow",
        compress_version="0", chain=(stage,),
    ).write(folder / "provenance.json")  # fmt: skip
    if looks:
        _take_looks(report, seed)
    return folder


def truth(index: int) -> NDArray[np.uint8]:
    """A picture with most detail somewhere in it."""
    picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    noise = np.random.default_rng(index).integers(0, 255, (120, 120, 3), dtype=np.uint8)
    picture[60:180, 100:220] = noise
    return picture


def _take_looks(report: Path, seed: int) -> None:
    ways: tuple[tuple[Any, Any, Any], ...] = (
        ("input", "input", "none"), ("teacher", "teacher", "openvino"), ("float", "student", "openvino"),
        ("int8", "int8", "openvino"), ("truth", None, None),
    )  # fmt: skip
    shown = [Shown(kind=kind, variant=variant, through=through, origin="measured") for kind, variant, through in ways]
    album = Album(report, len(IMAGES), shown)
    for index, image in enumerate(IMAGES):
        good = truth(index)
        spoilt = np.clip(good.astype(int) - 5 - seed, 0, 255).astype(np.uint8)
        album.add(
            index, image,
            {"input": good // 8, "teacher": good, "float": spoilt, "int8": np.roll(spoilt, 1, axis=1), "truth": good},
        )  # fmt: skip
    album.close()


def _net(variant: Any, params: int) -> NetFacts:
    return NetFacts(
        variant=variant, params=params, macs=params * 10, macs_height=HEIGHT, macs_width=WIDTH,
        weights_size_bytes=params * 4,
    )  # fmt: skip


def _row(variant: Any, runtime: Any, psnr_db: tuple[float, ...]) -> QualityRow:
    return QualityRow(
        variant=variant, runtime=runtime, psnr_db=psnr_db, ssim=tuple(value / 30 for value in psnr_db),
        psnr_gtmean_db=psnr_db,
    )  # fmt: skip


def _speed(seed: int) -> SpeedReport:
    rows = tuple(
        _timed(variant, p50_ms + seed / 10) for variant, p50_ms in (("teacher", 60.0), ("student", 16.0), ("int8", 5.0))
    )
    return SpeedReport(device="bench", fingerprint={"cpu": EVIL}, rows=rows)


def _timed(variant: Any, p50_ms: float) -> SpeedRow:
    samples = tuple(p50_ms + (number - 10) * 0.01 for number in range(19)) + (p50_ms * 1.2, p50_ms * 40)
    return SpeedRow(
        build=f"{variant}-openvino", variant=variant, runtime="openvino", height=HEIGHT, width=WIDTH, precision="f32",
        runs=len(samples), p50_ms=p50_ms, p90_ms=p50_ms + 0.08, p99_ms=p50_ms * 1.2, fps=1000 / p50_ms,
        samples_ms=samples, origin="measured",
    )  # fmt: skip
