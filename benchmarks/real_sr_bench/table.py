"""The cells as Markdown tables, and the page that holds them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import mean, stdev

from real_sr_bench.design import ABLATIONS, METHODS
from real_sr_bench.measure import BICUBIC
from real_sr_bench.records import Cell, Method, RealSr

_HEAD = (
    "| scale | kernels | noise | cells | pictures | seeds | method | PSNR dB | ours is ahead by | Y PSNR dB | SSIM | "
    "kernel PSNR dB | shift px | s |\n"
    "| ---: | --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def markdown(found: RealSr) -> str:
    """All tables, with what they were measured by."""
    commits = "commit " + " and ".join(sorted({cell.commit[:9] for cell in found.cells}))
    about = (
        f"Made by `python benchmarks/real_sr.py --table` of `benchmarks/results/real_sr.json`: `{found.command}` at "
        f"{commits}; steps of each network: {found.steps} / scale; given pictures of at most "
        f"{found.given_px} px a side; seconds on a busy {found.machine}."
    )
    return "\n\n".join((about, main_table(found.cells), ablation_table(found.cells))) + "\n"


def main_table(cells: Sequence[Cell]) -> str:
    """For each scale: all anisotropic kernels, then with and without noise apart, then the bicubic one. Methods of a
    group are compared at the same places. +-: deviation of the seeds' means over pictures that have all seeds; of a
    gain, its standard error over the pictures."""
    lines = [_HEAD]
    for scale in sorted({cell.scale for cell in cells}):
        mine = [cell for cell in cells if cell.scale == scale]
        blind = [cell for cell in mine if cell.kernel != BICUBIC]
        noises = sorted({cell.noise for cell in blind})
        groups = [("with and without", blind)] if len(noises) > 1 else []
        groups += [(f"{noise:g}", [cell for cell in blind if cell.noise == noise]) for noise in noises]
        for noise_text, group in groups:
            kernels = f"{len({cell.kernel for cell in group})} anisotropic"
            lines += _rows(f"| x{scale} | {kernels} | {noise_text} |", group, METHODS)
        lines += _rows(f"| x{scale} | bicubic | 0 |", [cell for cell in mine if cell.kernel == BICUBIC], METHODS)
    return "\n".join(lines)


def ablation_table(cells: Sequence[Cell]) -> str:
    """Ours without each term, over the places where all of these were measured, and what the term gave there."""
    lines = [
        "| scale | places | ours without | PSNR dB | the term gives dB | in how many |",
        "| ---: | ---: | --- | ---: | ---: | ---: |",
    ]
    for scale in sorted({cell.scale for cell in cells}):
        mine = [cell for cell in cells if cell.scale == scale and cell.method in ("ours", "undistilled", *ABLATIONS)]
        of = _by_place(mine, ("ours", "undistilled", *ABLATIONS))
        for method in ("ours", "undistilled", *ABLATIONS):
            if not of:
                continue
            gains = [each["ours"].score.psnr_db - each[method].score.psnr_db for each in of]
            name = {"ours": "nothing", "undistilled": "teacher"}.get(method, method.removeprefix("without "))
            figure = f"{mean(each[method].score.psnr_db for each in of):.2f}"
            gain = "–" if method == "ours" else f"{mean(gains):+.3f} | {sum(gain > 0 for gain in gains)}"
            lines.append(f"| x{scale} | {len(of)} | {name} | {figure} | {gain if '|' in gain else '– | –'} |")
    return "\n".join(lines)


def write_page(page: Path, text: str, name: str) -> None:
    """Put ``text`` between the page's marks of that name. Raises ValueError where it does not have them once."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not ended:
        raise ValueError(f"{page}: no lines '{begin.strip()}' and '{end}'; put the marks there")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def _rows(start: str, cells: Sequence[Cell], methods: Iterable[Method]) -> list[str]:
    present = {cell.method for cell in cells}
    shown = [method for method in methods if method in present]
    places = _by_place(cells, shown)
    return [_row(start, method, [each[method] for each in places], places) for method in shown if places]


def _row(start: str, method: Method, cells: list[Cell], places: list[dict[Method, Cell]]) -> str:
    seeds = {cell.seed for cell in cells}
    by_seed = _by_seed(cells, seeds)
    spread = f" ± {stdev(by_seed):.2f}" if len(by_seed) > 1 else ""
    kernel = [c.kernel_psnr_db for c in cells if c.kernel_psnr_db is not None]
    shift = [c.centre_shift_px for c in cells if c.centre_shift_px is not None]
    figures = [
        f"{mean(c.score.psnr_db for c in cells):.2f}{spread}",
        _ahead(method, places),
        f"{mean(c.score.psnr_y_db for c in cells):.2f}",
        f"{mean(c.score.ssim for c in cells):.4f}",
        f"{mean(kernel):.1f}" if kernel else "–",
        f"{mean(shift):.3f}" if shift else "–",
        f"{mean(c.wall_s for c in cells):.1f}",
    ]
    counts = f"{len(cells)} | {len({c.picture for c in cells})} | {len(seeds)}"
    return f"{start} {counts} | {method} | {' | '.join(figures)} |"


def _by_seed(cells: list[Cell], seeds: set[int]) -> list[float]:
    """Each seed's mean over the pictures that have all seeds."""
    whole = {cell.picture for cell in cells if {c.seed for c in cells if c.picture == cell.picture} == seeds}
    mine = [cell for cell in cells if cell.picture in whole]
    return [mean(c.score.psnr_db for c in mine if c.seed == seed) for seed in sorted(seeds)] if mine else []


def _ahead(method: Method, places: list[dict[Method, Cell]]) -> str:
    """Mean gain of ours over ``method``, and its standard error over the pictures."""
    if method == "ours" or "ours" not in places[0]:
        return "–"
    gains: dict[str, list[float]] = {}
    for each in places:
        gain = each["ours"].score.psnr_db - each[method].score.psnr_db
        gains.setdefault(each[method].picture, []).append(gain)
    of_pictures = [mean(each) for each in gains.values()]
    error = f" ± {stdev(of_pictures) / len(of_pictures) ** 0.5:.2f}" if len(of_pictures) > 1 else ""
    return f"{mean(of_pictures):+.2f}{error}"


def _by_place(cells: Iterable[Cell], methods: Sequence[Method]) -> list[dict[Method, Cell]]:
    """The places that all ``methods`` have measured, with the cell of each."""
    found: dict[tuple[object, ...], dict[Method, Cell]] = {}
    for cell in cells:
        place = (cell.picture, cell.kernel, cell.noise, cell.seed)
        found.setdefault(place, {})[cell.method] = cell
    return [each for each in found.values() if set(methods) <= set(each)]
