"""``students.json``: the students trained with one schedule, their quality and speed."""

from __future__ import annotations

from compress.records import Record


class Trained(Record):
    """One student's quality on the test pictures, mean over them; INT8 by plain PTQ, through torch."""

    network: str
    settings: dict[str, int]
    params: int
    macs: int
    psnr_db: float
    ssim: float
    int8_psnr_db: float
    int8_ssim: float


class Timed(Record):
    """One student through OpenVINO, p50 of runs in turn with all others."""

    network: str
    fp32_ms: float
    int8_ms: float


class StudentsFile(Record):
    """What one run of the benchmark found. ``identity`` says of which schedule; ``size`` is height and width."""

    identity: str
    steps: int
    data: str
    test_images: int
    size: tuple[int, int]
    timed_runs: int
    threads: int
    machine: str
    trained: tuple[Trained, ...]
    timed: tuple[Timed, ...]
