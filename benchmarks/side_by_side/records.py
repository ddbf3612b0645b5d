"""What the benchmark writes: one row a tool and way of use, and the file of them all."""

from __future__ import annotations

import math

from compress.records import Origin, Record


class Measured(Record):
    """One row. Per-image lists follow ``PeersFile.images``; ``float_psnr_db``: the float student, same runtime.

    ``fp32_p50_ms``: the float file, timed A B A B with this one. ``int8_layers`` of ``layers`` that multiply.
    ``why_not``: why there are no figures; empty where there are. ``identity``: what the row was measured on.
    """

    name: str
    tool: str
    version: str
    runtime: str
    scope: str
    settings: str
    identity: str
    files: tuple[str, ...] = ()
    psnr_db: tuple[float, ...] = ()
    ssim: tuple[float, ...] = ()
    float_psnr_db: tuple[float, ...] = ()
    size_bytes: int = 0
    int8_layers: int = 0
    layers: int = 0
    p50_ms: float = 0.0
    fp32_p50_ms: float = 0.0
    timed_runs: int = 0
    load_average_1min: str = ""
    origin: Origin = "measured"
    why_not: str = ""

    @property
    def mean_psnr_db(self) -> float:
        return _mean(self.psnr_db)

    @property
    def mean_ssim(self) -> float:
        return _mean(self.ssim)

    @property
    def drops_db(self) -> tuple[float, ...]:
        """PSNR of the float student minus this one's, per image; positive: int8 is worse."""
        return tuple(before - after for before, after in zip(self.float_psnr_db, self.psnr_db, strict=True))

    @property
    def mean_drop_db(self) -> float:
        return _mean(self.drops_db)

    @property
    def worst_drop_db(self) -> float:
        return max(self.drops_db)

    @property
    def speedup(self) -> float:
        """Times as fast as the float file in the same minutes; below 1: slower."""
        return self.fp32_p50_ms / self.p50_ms


class PeersFile(Record):
    """``artifacts/benchmarks/peers.json``. ``seed``: of the student's run; no peer draws anything."""

    student: str
    student_digest: str
    quantized_digest: str
    data_kind: str
    data_digest: str
    definition: str
    images: tuple[str, ...]
    cut_images: int
    height: int
    width: int
    calibration_images: int
    seed: int | None
    threads: int
    fingerprint: dict[str, str]
    versions: dict[str, str]
    rows: tuple[Measured, ...]


def _mean(values: tuple[float, ...]) -> float:
    return math.fsum(values) / len(values)
