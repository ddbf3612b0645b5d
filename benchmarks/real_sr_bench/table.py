"""The cells as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import mean, stdev

from real_sr_bench.measure import BICUBIC
from real_sr_bench.records import Cell, Method, RealSr

METHODS: tuple[Method, ...] = ("bicubic", "zssr", "known kernel", "undistilled", "ours")


def table(found: RealSr) -> str:
    """A row for each scale, kernel kind and noise: mean PSNR (RGB, Y) and SSIM of each method, over the same cells."""
    lines = [
        "| scale | kernels | noise | cells | seeds | method | PSNR dB | Y PSNR dB | SSIM | kernel PSNR dB | shift px |",
        "| ---: | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    groups = sorted({(cell.scale, cell.kernel == BICUBIC, cell.noise) for cell in found.cells})
    for scale, bicubic, noise in groups:
        mine = [c for c in found.cells if (c.scale, c.kernel == BICUBIC, c.noise) == (scale, bicubic, noise)]
        whole = _whole(mine)
        for method in METHODS:
            cells = [cell for cell in mine if cell.method == method and _place(cell) in whole]
            if cells:
                kind = "bicubic" if bicubic else f"{len({c.kernel for c in cells})} anisotropic"
                lines.append(_row(f"| x{scale} | {kind} | {noise:g} | {len(cells)} |", method, cells))
    return "\n".join(lines) + "\n"


def _row(start: str, method: Method, cells: list[Cell]) -> str:
    seeds = sorted({cell.seed for cell in cells})
    by_seed = [mean(c.score.psnr_db for c in cells if c.seed == seed) for seed in seeds]
    spread = f" ± {stdev(by_seed):.2f}" if len(seeds) > 1 else ""
    kernel = [c.kernel_psnr_db for c in cells if c.kernel_psnr_db is not None]
    shift = [c.centre_shift_px for c in cells if c.centre_shift_px is not None]
    figures = [
        f"{mean(by_seed):.2f}{spread}",
        f"{mean(c.score.psnr_y_db for c in cells):.2f}",
        f"{mean(c.score.ssim for c in cells):.4f}",
        f"{mean(kernel):.1f}" if kernel else "–",
        f"{mean(shift):.3f}" if shift else "–",
    ]
    return f"{start} {len(seeds)} | {method} | {' | '.join(figures)} |"


def _place(cell: Cell) -> tuple[object, ...]:
    return cell.picture, cell.kernel, cell.seed


def _whole(cells: Iterable[Cell]) -> set[tuple[object, ...]]:
    """What all of the methods that were run at all have measured."""
    listed = list(cells)
    methods = {cell.method for cell in listed}
    places = [{_place(cell) for cell in listed if cell.method == method} for method in methods]
    return set.intersection(*places) if places else set()
