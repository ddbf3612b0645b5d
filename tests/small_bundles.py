"""Small whole bundles, sealed and signed: real contract, provenance and report records, builds of a few bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from compress.bundle.contract import CONTRACT, BuildContract, ContractFile
from compress.bundle.keys import public_pem, resolve_key
from compress.bundle.provenance import Provenance, StageProvenance
from compress.bundle.seal import Contents, seal
from compress.records import QualityReport, QualityRow, SpeedReport, SpeedRow, VerdictRecord
from compress.runtimes.picture import io_contract

NAME = "tiny on bench"
WEIGHTS = bytes(range(200))


def build_contract(name: str = "int8-onnx", **changes: Any) -> BuildContract:
    made = BuildContract(
        name=name, variant="int8", runtime="onnx", files=(f"builds/{name}.onnx",), size_bytes=len(WEIGHTS), height=8,
        width=16, contract=io_contract("onnx", 8, 16, 8),
    )  # fmt: skip
    return made.model_copy(update=changes)


def write_folder(
    folder: Path, *, builds: tuple[BuildContract, ...] | None = None, weights: bytes = WEIGHTS,
    psnr_db: tuple[float, ...] = (20.0, 21.0), p50_ms: float = 5.0, cpu: str = "one", commit: str = "c" * 40,
) -> Path:  # fmt: skip
    """What a bundle holds before it is sealed."""
    report = folder / "report"
    report.mkdir(parents=True)
    listed = (build_contract(),) if builds is None else builds
    ContractFile(builds=listed).write(folder / CONTRACT)
    for build in listed:
        for file in build.files:
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_bytes(weights)
    row = QualityRow(variant="int8", runtime="onnx", psnr_db=psnr_db, ssim=(0.7, 0.8), psnr_gtmean_db=psnr_db)
    QualityReport(
        definition="as ever", decoder="Pillow", data_digest="ab" * 32, data_kind="paired", images=("a.png", "b.png"),
        rows=(row,),
    ).write(report / "quality.json")  # fmt: skip
    samples = tuple(p50_ms + number * 0.001 for number in range(40))
    SpeedReport(
        device="bench", fingerprint={"cpu": cpu},
        rows=(
            SpeedRow(
                build="int8-onnx", variant="int8", runtime="onnx", height=8, width=16, precision="int8", runs=40,
                p50_ms=p50_ms, p90_ms=p50_ms, p99_ms=p50_ms, fps=1000 / p50_ms, samples_ms=samples, origin="measured",
            ),
        ),
    ).write(report / "speed.json")  # fmt: skip
    VerdictRecord(result="pass", checks=()).write(report / "verdict.json")
    stage = StageProvenance(
        stage="teacher", key="e" * 64, digest="d" * 64, sources_digest="a" * 64, versions={"torch": "2"},
        git_commit=commit,
    )  # fmt: skip
    Provenance(
        recipe="tiny", target="bench", data="pairs", data_licence="mine", data_digest="ab" * 32, decoder="Pillow",
        compress_version="0", chain=(stage,),
    ).write(folder / "provenance.json")  # fmt: skip
    return folder


def sealed(
    folder: Path, version: str = "1.0.0", reasons: tuple[str, ...] = (), name: str = NAME, key: str | None = None,
    **contents: Any,
) -> Path:  # fmt: skip
    """Write and sign a bundle with the developer key of ``COMPRESS_HOME``, or ``key``."""
    write_folder(folder, **contents)
    seal(folder, Contents(name, reasons, (), version), resolve_key(key))
    return folder


def write_public(path: Path, key: str | None = None) -> Path:
    """The public half of the key that ``sealed`` signs with."""
    path.write_text(public_pem(resolve_key(key)), encoding="ascii")
    return path


def make_private(path: Path) -> Path:
    """A new P-256 key of its own."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(pem)
    path.chmod(0o600)
    return path
