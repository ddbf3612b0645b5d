"""The rows of ``compress parity`` as text, for the terminal and for pages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from compress.parity.records import Divergence, ParityReport, ParityRow
from compress.runtimes.interchange import MAPS, OUTPUT

HEADINGS = ("network", "through", "PSNR dB", "minus reference", "worst image", "to reference dB", "worst dB", "result")


def row_cells(row: ParityRow) -> tuple[str, ...]:
    """The texts of a row but its result; a dash where there is no figure."""
    return (
        row.name if row.output == OUTPUT else f"{row.name}, {row.output}", row.runtime,
        _text(row.psnr_db, _mean, "{:.3f}"),
        _text(row.delta_db, _mean, "{:+.3f}"),
        _text(row.delta_db, lambda deltas: max(deltas, key=abs), "{:+.3f}"),
        _text(row.to_reference_db, _mean, "{:.2f}"),
        _text(row.to_reference_db, min, "{:.2f}"),
    )  # fmt: skip


def _mean(values: tuple[float, ...]) -> float:
    return math.fsum(values) / len(values)


def _text(values: tuple[float, ...], figure: Callable[[tuple[float, ...]], float], style: str) -> str:
    return style.format(figure(values)) if values else "–"


def footnotes(report: ParityReport) -> Iterator[str]:
    """What the figures are, and the limits."""
    yield (
        f"Limits: {report.mean_limit_db:g} dB (mean), {report.worst_limit_db:g} dB (worst image), either way, on PSNR "
        "against ground truth minus that of the torch network which the build was made from."
    )
    if any(row.output == MAPS for row in report.rows):
        yield (
            f"Of maps: signal over difference to the reference's, at least {report.maps_mean_limit_db:g} dB (mean) and "
            f"{report.maps_worst_limit_db:g} dB (worst image)."
        )
    yield (
        f"Measured on {len(report.images)} {report.data_kind} pictures (digest {report.data_digest[:12]}); "
        f"{report.definition}."
    )


def remarks(row: ParityRow, layers: bool) -> Iterator[str]:
    """What must be said of a row below the table; with ``layers`` every layer that was compared."""
    if row.note:
        yield f"{row.name}: {row.note}"
    if row.not_compared:
        yield f"{row.name}: {row.not_compared}"
    if row.divergence is not None:
        yield f"{row.name}: {divergence_line(row.divergence)}"
        if layers:
            yield from (f"  {each.label:<44} {each.snr_db:8.1f} dB" for each in row.divergence.layers)


def divergence_line(found: Divergence) -> str:
    """The first diverging layer in a sentence."""
    if found.first is None:
        return f"none of {len(found.layers)} layers diverges; what differs is rounding that adds up, or the output's"
    first = found.first
    where = f"first diverging layer: {first.label} ({first.snr_db:.1f} dB, sound from {first.limit_db:g})"
    if found.operator is not None:
        where += f"; before it, the operator {found.operator.name} ({found.operator.snr_db:.1f} dB)"
    return where + ("; only as the SDK fuses it" if found.only_when_fused else "")
