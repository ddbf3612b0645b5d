"""``real_sr_camera.json``: what INT8 costs a camera's student in each runtime, and how fast it is."""

from __future__ import annotations

from compress.records import Origin, QualityReport, Record, SpeedReport, Through, Variant


class Loss(Record):
    """``float_db`` of the float network through ``float_through``, ``int8_db`` of its INT8 self through ``through``:
    mean PSNR in dB over the test frames, against the given frame."""

    target: str
    through: Through
    origin: Origin
    float_through: Through
    bicubic_db: float
    float_db: float
    int8_db: float
    images: int


class Speed(Record):
    """One build of the size ``height`` x ``width`` that goes in; ``fps``: model only, batch 1, from the median."""

    target: str
    build: str
    variant: Variant
    runtime: str
    precision: str
    height: int
    width: int
    p50_ms: float
    p90_ms: float
    fps: float
    origin: Origin


class Camera(Record):
    """``params``: of the student before pruning, as the recipe has it; ``load``: the machine's, beside the speed."""

    command: str
    commit: str
    machine: str
    load: str
    scale: int
    kernel: int
    params: int
    frames: int
    losses: tuple[Loss, ...]
    speeds: tuple[Speed, ...]


def losses(target: str, quality: QualityReport) -> tuple[Loss, ...]:
    """INT8 through every runtime that was measured, against its float self through the first."""
    full = next(row for row in quality.rows if row.variant == "pruned")
    bicubic = next(row for row in quality.rows if row.variant == "input")
    return tuple(
        Loss(
            target=target, through=row.runtime, origin=row.origin, float_through=full.runtime,
            bicubic_db=_mean(bicubic.psnr_db), float_db=_mean(full.psnr_db), int8_db=_mean(row.psnr_db),
            images=len(row.psnr_db),
        )
        for row in quality.rows if row.variant == "int8"
    )  # fmt: skip


def speeds(target: str, speed: SpeedReport) -> tuple[Speed, ...]:
    """Of every build that was timed."""
    return tuple(
        Speed(
            target=target, build=row.build, variant=row.variant, runtime=row.runtime, precision=row.precision,
            height=row.height, width=row.width, p50_ms=row.p50_ms, p90_ms=row.p90_ms, fps=row.fps, origin=row.origin,
        )
        for row in speed.rows
    )  # fmt: skip


def camera_markdown(found: Camera) -> str:
    """Both tables, with what they were measured by."""
    lines = [
        f"Made by `{found.command}` at commit {found.commit[:9]}: one camera (kernel {found.kernel} of 0 to 5, "
        f"x{found.scale}), {found.frames} frames, a student of {found.params:,} parameters. PSNR is of the scale below "
        "the wanted one.",
        "",
        "| target | INT8 through | origin | bicubic dB | float dB (through) | INT8 dB | INT8 costs dB | frames |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {row.target} | {row.through} | {row.origin} | {row.bicubic_db:.2f} | {row.float_db:.3f} "
            f"({row.float_through}) | {row.int8_db:.3f} | {row.float_db - row.int8_db:+.3f} | {row.images} |"
            for row in found.losses
        ),
        "",
        f"Speed, {found.machine}, {found.load}:",
        "",
        "| build | in | out | precision | median ms | p90 ms | FPS | origin |",
        "| --- | --- | --- | --- | ---: | ---: | ---: | --- |",
        *(_speed_line(row, found.scale) for row in found.speeds),
    ]
    return "\n".join(lines) + "\n"


def _speed_line(row: Speed, scale: int) -> str:
    sizes = f"{row.width}x{row.height} | {scale * row.width}x{scale * row.height}"
    return (
        f"| {row.build} | {sizes} | {row.precision} | {row.p50_ms:.1f} | {row.p90_ms:.1f} | {row.fps:.1f} | "
        f"{row.origin} |"
    )


def _mean(values: tuple[float, ...]) -> float:
    return round(sum(values) / len(values), 4)
