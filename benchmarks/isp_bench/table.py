"""The tables that a run prints, made of its file alone, with the paper's Table III beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from compress.report.backlight import BACKLIT_HEADINGS, backlit_rows
from isp_bench.records import IspFile, Row

PRINTED = (
    ("RetinexNet", 16.28, 0.513, 0.1665, 57.28), ("URetinex-Net", 21.49, 0.803, 0.5191, 70.61),
    ("EnlightenGAN", 18.48, 0.792, 0.3272, 56.24), ("CLIP-LIT", 16.94, 0.768, 0.4594, 56.69),
    ("SCI", 20.07, 0.772, 0.4956, 56.13), ("Zero-DCE", 16.45, 0.665, 0.3304, 55.29),
    ("IAT", 20.82, 0.796, 0.5012, 63.98), ("ISP-CNN (Wang 2024)", 22.55, 0.863, 0.5917, 69.05),
)  # fmt: skip
"""Table III of arXiv 2502.19450, on LOL: PSNR, SSIM, VIF, MUSIQ. Not measured here, and of another protocol perhaps."""

_HEADINGS = ("through", "PSNR dB", "SSIM", "VIF", "MUSIQ", "params", "GMACs", "p50 ms")


def markdown(found: IspFile) -> str:
    """All tables, notes below."""
    height, width = found.size
    lines = [f"| {' | '.join((f'{found.data}, {len(found.images)} test pictures', *_HEADINGS))} |"]
    lines.append(f"|---|---|{'---:|' * (len(_HEADINGS) - 1)}")
    lines += [_line(row.name, row) for row in found.plain]
    for chain in found.chains:
        lines += [_line(f"{chain.recipe}, seed {chain.seed}: {row.name}", row) for row in chain.rows]
    if found.data == "lol":
        for name, psnr_db, ssim, vif, musiq in PRINTED:
            lines.append(f"| {name} (printed) | – | {psnr_db:.2f} | {ssim:.3f} | {vif:.3f} | {musiq:.2f} | – | – | – |")
    notes = [
        f"PSNR and SSIM on RGB, no GT-mean; GMACs and p50 at {height}x{width}, p50 of the OpenVINO build.",
        f"Gamma {found.gamma:g} is the best of one curve for all pictures, chosen on training pairs.",
        "Printed: Table III of the paper, not measured here.",
        *(f"Not measured: {note}." for note in found.notes),
        *dict.fromkeys(f"{chain.recipe}: {chain.trained_by}." for chain in found.chains),
    ]  # fmt: skip
    return "\n".join([*lines, "", *(f"- {note}" for note in notes), *_uneven(found)])


def _uneven(found: IspFile) -> Iterator[str]:
    """A table for each chain that was looked at under uneven light."""
    for chain in found.chains:
        if chain.backlit is None:
            continue
        yield from ("", f"| {chain.recipe}, uneven light | {' | '.join(BACKLIT_HEADINGS[1:])} |")
        yield f"|---|---|{'---:|' * (len(BACKLIT_HEADINGS) - 2)}"
        yield from (f"| {' | '.join(row)} |" for row in backlit_rows(chain.backlit))
        yield from ("", f"- {chain.backlit.note}")


def _line(name: str, row: Row) -> str:
    scores = [_mean(row.psnr_db, 2), _mean(row.ssim, 3), _mean(row.vif, 3), _mean(row.musiq, 2)]
    params = "–" if row.params is None else f"{row.params:,}"
    work = ["–" if each is None else f"{each:.{places}f}" for each, places in ((row.gmacs, 2), (row.p50_ms, 1))]
    return f"| {' | '.join([name, row.through, *scores, params, *work])} |"


def _mean(values: Sequence[float], places: int) -> str:
    return f"{sum(values) / len(values):.{places}f}" if values else "not measured"
